# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Each dataset in each of its forms, converted as a user would: what is kept, what is not, and why."""

import hashlib

import pyarrow.parquet as pq
import pytest

from data_prep.file.report import LISTED
from data_prep.row.prompts import INSTRUCTION
from data_prep.row.schema import SCHEMA, read_rows
from recipe.care.reward import compute_score


def check(build, cases: dict, parquet):
    """What the report and the rows say about every case is what the case says."""
    told = {}
    for entry in build.entries(parquet):
        told.setdefault(entry["qid"], []).append((entry["action"], entry["reason"]))
    expected = {
        qid: [("listed" if case.reason in LISTED else "repaired" if case.kept else "dropped", case.reason)]
        for qid, case in cases.items()
        if case.reason
    }
    assert told == expected
    rows = {row["extra_info"]["qid"]: row for row in build.records(parquet)}
    assert list(rows) == [qid for qid, case in cases.items() if case.kept]
    for qid, row in rows.items():
        assert row["reward_model"] == {"style": "rule", "ground_truth": cases[qid].gold}, qid
        if cases[qid].answer_type:
            assert row["extra_info"]["answer_type"] == cases[qid].answer_type, qid
        assert row["extra_info"]["options"] == list(cases[qid].options), qid
    return rows


def test_virl_from_its_zip(build, converted, virl_folder):
    rows = check(build, build.VIRL_CASES, converted / "virl39k_train.parquet")
    extra = rows["plain"]["extra_info"]
    assert extra["answer"] == r"\boxed{5}"
    assert (extra["pass_rate_32b"], extra["pass_rate_7b"], extra["source"]) == (0.5, -1.0, "K12")
    assert rows["text_only"]["prompt"][0]["content"] == f"What is 2+2?\n{INSTRUCTION}"
    inside = rows["images_inside"]["prompt"][0]["content"]
    assert inside.startswith("First <image> then <image>, add.")
    assert "[image] and [video] and [image_pad]" in rows["tag_in_question"]["prompt"][0]["content"]


def test_virl_from_unpacked_images_gives_the_same_rows(build, converted, virl_folder, tmp_path):
    folder = tmp_path / "ViRL39K"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(build.picture())
    (folder / "39Krelease.parquet").write_bytes((virl_folder / "39Krelease.parquet").read_bytes())
    for name, content in build.VIRL_IMAGES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    assert build.call("virl39k", "--input", folder, "--output", tmp_path / "out").status == 0
    ours, theirs = (place / "virl39k_train.parquet" for place in (tmp_path / "out", converted))
    assert ours.read_bytes() == theirs.read_bytes()


def test_virl_sources_and_text_only_rows_can_be_left_out(build, virl_folder, tmp_path):
    parquet = tmp_path / "virl39k_train.parquet"
    build.call("virl39k", "--input", virl_folder, "--output", tmp_path, "--text-only", "drop")
    assert build.manifest(parquet)["dropped"]["text_only"] == 1
    build.call("virl39k", "--input", virl_folder, "--output", tmp_path, "--exclude-source", "DeepScaleR")
    assert build.manifest(parquet)["dropped"]["source_excluded"] == 1
    assert "text_only" not in build.manifest(parquet)["dropped"]


@pytest.mark.parametrize("form", ["folder", "zip", "data_folder"])
def test_geometry_from_the_original_release(build, form, tmp_path):
    given = build.write_problems(tmp_path / "geometry3k" / "train")
    build.write_problems(tmp_path / "geometry3k" / "test")
    given = {"folder": given, "zip": build.zipped(given), "data_folder": tmp_path / "geometry3k"}[form]
    done = build.call("geometry3k", "--input", given, "--output", tmp_path)
    assert done.status == 0, done.err
    cases = {f"geometry3k-{number}": case for number, case in build.GEOMETRY_CASES.items()}
    rows = check(build, cases, tmp_path / "geometry3k_train.parquet")
    assert rows["geometry3k-7"]["extra_info"]["precise_value"] == 17.3205
    assert rows["geometry3k-12"]["extra_info"]["precise_value"] == -1.0
    assert rows["geometry3k-7"]["extra_info"]["category"] == "Length"


@pytest.mark.parametrize("new_revision", [True, False])
def test_geometry_from_the_hub(build, new_revision, tmp_path):
    snapshot = tmp_path / "geometry3k" / "data"
    snapshot.mkdir(parents=True)
    pq.write_table(build.geometry_table(new_revision=new_revision), snapshot / "train-00000-of-00001.parquet")
    done = build.call("geometry3k", "--input", snapshot.parent, "--output", tmp_path)
    assert done.status == 0, done.err
    reasons = {entry["index"]: entry["reason"] for entry in build.entries(tmp_path / "geometry3k_train.parquet")}
    wrong_letter = "gold_differs_from_choice"
    expected = {6: "image_broken", 7: "image_missing", 8: "gold_unusable"}
    assert reasons == expected | ({5: wrong_letter, 9: wrong_letter} if new_revision else {})
    first = build.records(tmp_path / "geometry3k_train.parquet")[0]["extra_info"]
    assert first["qid"] == ("geometry3k-3" if new_revision else "geometry3k-train-0")


def chart_cases(build, halves) -> dict:
    """The cases under the names that the original release gives them."""
    cases = {}
    for half in halves:
        of_half = [case for case in build.CHART_CASES if case.row["half"] == half]
        cases |= {f"chartqa-train-{half}-{number}": case for number, case in enumerate(of_half)}
    return cases


def test_charts_from_the_original_release(build, converted):
    check(build, chart_cases(build, ["human", "machine"]), converted / "chartqa_train_both.parquet")


@pytest.mark.parametrize("half", ["human", "machine"])
def test_charts_of_one_half_from_the_zip(build, half, tmp_path):
    given = build.zipped(build.write_charts(tmp_path / "charts") / "ChartQA Dataset")
    done = build.call("chartqa", "--input", given, "--output", tmp_path, "--half", half)
    assert done.status == 0, done.err
    check(build, chart_cases(build, [half]), tmp_path / f"chartqa_train_{half}.parquet")


def test_charts_from_the_hub(build, tmp_path):
    given = tmp_path / "train-00000-of-00001.parquet"
    pq.write_table(build.chart_table(build.CHART_CASES), given, row_group_size=4)
    done = build.call("chartqa", "--input", given, "--output", tmp_path, "--half", "both")
    assert done.status == 0, done.err
    cases = {f"chartqa-train-{number}": case for number, case in enumerate(build.CHART_CASES)}
    two_labels = build.Case(build.chart("14"), False, "gold_count")
    check(build, cases | {f"chartqa-train-{len(cases)}": two_labels}, tmp_path / "chartqa_train_both.parquet")


@pytest.mark.parametrize("name", ["virl39k_train", "geometry3k_train", "chartqa_train_both"])
def test_every_row_is_one_verl_and_the_verifier_accept(build, converted, name):
    parquet = converted / f"{name}.parquet"
    assert pq.read_schema(parquet).equals(SCHEMA)
    rows = list(read_rows(parquet))
    assert rows
    for row in rows:
        response = f"<think>Because.</think><answer>{row.ground_truth}</answer>"
        score = compute_score(row.data_source, response, row.ground_truth, row.extra_info)
        assert (score["acc"], score["format"]) == (1.0, 1.0), row
        wrong = response.replace(row.ground_truth, "q+7")
        assert compute_score(row.data_source, wrong, row.ground_truth, row.extra_info)["acc"] == 0.0
        assert row.prompt.endswith(f"\n{INSTRUCTION}")
        assert [hashlib.sha256(image).hexdigest() for image in row.images] == list(row.image_sha256)
    assert [row.index for row in rows] == sorted({row.index for row in rows})


def test_images_keep_their_bytes(build, converted):
    images = {row.qid: row.images for row in read_rows(converted / "virl39k_train.parquet")}
    assert images["two_images"] == (build.VIRL_IMAGES["images/ok.png"], build.VIRL_IMAGES["images/other.jpg"])


def test_manifest_describes_the_file(build, converted):
    for parquet in converted.glob("*.parquet"):
        manifest = build.manifest(parquet)
        content = parquet.read_bytes()
        assert (manifest["sha256"], manifest["size"]) == (hashlib.sha256(content).hexdigest(), len(content))
        assert manifest["rows"] == len(build.records(parquet)) == sum(manifest["counts"]["answer_type"].values())
        dropped = [entry["reason"] for entry in build.entries(parquet) if entry["action"] == "dropped"]
        assert manifest["dropped"] == {reason: dropped.count(reason) for reason in set(dropped)}
        assert manifest["read"] == manifest["rows"] + len(dropped)
        assert str(converted) not in parquet.with_suffix(".manifest.json").read_text()
    assert build.manifest(converted / "chartqa_train_both.parquet")["listed"] == {"may_be_ratio_as_time": 1}
    assert build.manifest(converted / "chartqa_train_both.parquet")["licences"]["chartqa"]["name"] == "GPL-3.0"


def test_the_same_input_gives_the_same_bytes(build, converted, virl_folder, tmp_path):
    """In another folder, with threads, and on a second run that has nothing to go on with."""
    for options in (["--workers", "3"], ["--no-resume"]):
        done = build.call("virl39k", "--input", virl_folder, "--output", tmp_path, *options)
        assert done.status == 0, done.err
        for suffix in (".parquet", ".report.jsonl", ".manifest.json"):
            name = f"virl39k_train{suffix}"
            assert (tmp_path / name).read_bytes() == (converted / name).read_bytes()


def test_limit_looks_at_the_first_rows_only(build, virl_folder, tmp_path):
    build.call("virl39k", "--input", virl_folder, "--output", tmp_path, "--limit", 3)
    rows = build.records(tmp_path / "virl39k_train.parquet")
    assert [row["extra_info"]["index"] for row in rows] == [0, 1, 2]
