# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The mixture command as a user runs it, against benchmark files in the columns the real ones have."""

import hashlib
import json
import os
import resource
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from data_prep.file.output import write_rows
from data_prep.row.schema import SCHEMA

FILES = [
    "mix.inspect.jsonl",
    "mix.manifest.json",
    "mix.overlap.json",
    "mix.parquet",
    "mix.report.jsonl",
    "mix.review.jsonl",
]


@pytest.fixture(scope="module")
def inputs(build, tmp_path_factory):
    return build.write_inputs(tmp_path_factory.mktemp("inputs"), build.picture)


@pytest.fixture(scope="module")
def benchmarks(build, tmp_path_factory):
    return build.write_benchmarks(tmp_path_factory.mktemp("benchmarks"), build.picture)


@pytest.fixture(scope="module")
def all_six(benchmarks):
    paths = {
        "mathvista": "mathvista",
        "mathverse": "mathverse/testmini.parquet",
        "mathvision": "mathvision",
        "mmmu": "mmmu",
        "mmmu_pro_standard": "pro/standard (10 options)",
        "mmmu_pro_vision": "pro/vision",
    }
    return ["--benchmark", *[f"{name}={benchmarks / path}" for name, path in paths.items()]]


def sources(inputs):
    return ["--input", inputs / "geometry3k_train.parquet", inputs / "virl39k_train.parquet"]


@pytest.fixture(scope="module")
def mixed(build, inputs, all_six, tmp_path_factory):
    out = tmp_path_factory.mktemp("mixed")
    done = build.call("mix", *sources(inputs), "--output", out, *all_six)
    assert done.status == 0, done.err
    return out, done.out


def qids(parquet):
    return [extra["qid"] for extra in pq.read_table(parquet).column("extra_info").to_pylist()]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_that_benchmarks_have_are_dropped(build, mixed):
    out, _ = mixed
    assert qids(out / "mix.parquet") == ["original", "kept-too", "kept", "inspect-generic", "no-image", "inspect-gold"]
    dropped = {
        entry["qid"]: (entry["reason"], entry["detail"].split(";")[1].split(",")[0])
        for entry in build.entries(out / "mix.parquet")
    }
    assert dropped == {
        "vista-bytes": ("benchmark_image_bytes", " mathvista:601"),
        "verse-look": ("benchmark_image_look", " mathverse:3"),
        "vision-words": ("benchmark_words", " mathvision:87"),
        "mmmu-seventh-image": ("benchmark_image_bytes", " mmmu:m"),
        "pro-standard": ("benchmark_image_bytes", " mmmu_pro_standard:test_Biology_307"),
        "pro-vision": ("benchmark_image_look", " mmmu_pro_vision:v"),
        "duplicate-of-geometry": ("duplicate", " geometry3k:original"),
    }
    assert build.visible(out) == FILES


def test_what_a_person_should_look_at_is_kept_and_listed(mixed):
    out, _ = mixed
    listed = {line["qid"]: (line["reason"], line["against"]) for line in lines(out / "mix.inspect.jsonl")}
    assert listed == {
        "original": ("generic_words", "mathvista:1"),
        "inspect-generic": ("generic_words", "mathvista:1"),
        "kept": ("contradicting_gold", "virl39k:inspect-gold"),
    }


def test_the_manifest_counts_what_is_there(build, mixed):
    out, _ = mixed
    record = build.manifest(out / "mix.parquet")
    assert (record["read"], record["rows"], sum(record["dropped"].values())) == (13, 6, 7)
    assert record["counts"]["data_source"] == {"geometry3k": 2, "virl39k": 4}
    assert record["counts"]["images"] == {"0": 1, "1": 5}
    assert record["sha256"] == hashlib.sha256((out / "mix.parquet").read_bytes()).hexdigest()
    assert record["licences"]["virl39k_train"]["name"] == "unknown"


def test_the_account_explains_itself(mixed):
    _, printed = mixed
    assert "38,870 virl39k + 2,101 geometry3k + 8,358 chartqa = 49,329" in printed
    assert "chartqa is not among the inputs" in printed
    assert "mmmu_pro_vision: 1 items, 1 images (images only)" in printed
    assert "mathverse: 2 items, 1 images (words and images)" in printed
    assert "NOT checked" not in printed


def test_the_report_says_what_nobody_checked(build, inputs, benchmarks, tmp_path):
    done = build.call("mix", *sources(inputs), "--output", tmp_path, "--benchmark", f"mmmu={benchmarks / 'mmmu'}")
    rest = ["mathvista", "mathverse", "mathvision", "mmmu_pro_standard", "mmmu_pro_vision"]
    assert f"NOT checked, because no --benchmark gave them: {', '.join(rest)}" in done.out
    record = json.loads((tmp_path / "mix.overlap.json").read_text())
    assert record["not_checked"] == rest
    assert record["checked"][0] | {"images": 2, "items": 1, "dropped": 1} == record["checked"][0]


def test_repeated_options_add_up(build, inputs, benchmarks, tmp_path):
    """The last one alone would leave a benchmark unchecked without a word."""
    first, second = (("--input", path) for path in sources(inputs)[1:])
    names = ("mmmu", "mathvista")
    given = [argument for name in names for argument in ("--benchmark", f"{name}={benchmarks / name}")]
    done = build.call("mix", *first, *second, *given, "--output", tmp_path)
    assert done.status == 0, done.err
    assert [check["name"] for check in json.loads((tmp_path / "mix.overlap.json").read_text())["checked"]] == [*names]
    assert build.manifest(tmp_path / "mix.parquet")["read"] == 13


def test_rows_are_copied_and_verl_can_read_them(mixed, inputs, tmp_path):
    out, _ = mixed
    assert pq.read_schema(out / "mix.parquet").equals(SCHEMA)
    before = {r["extra_info"]["qid"]: r for path in inputs.glob("*.parquet") for r in pq.read_table(path).to_pylist()}
    for record in pq.read_table(out / "mix.parquet").to_pylist():
        assert record == before[record["extra_info"]["qid"]]
    files = [str(out / "mix.parquet"), str(inputs / "virl39k_train.parquet")]
    assert len(load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path))) == 6 + 11


def test_a_seed_shuffles_whatever_the_order_of_the_inputs(build, inputs, tmp_path):
    def run(name, *arguments):
        done = build.call("mix", *arguments, "--output", tmp_path / name)
        assert done.status == 0, done.err
        return tmp_path / name / "mix.parquet"

    given = sources(inputs)
    first, again = run("a", *given, "--seed", 1), run("b", *given, "--seed", 1, "--workers", 2)
    other = run("c", *given, "--seed", 2)
    assert first.read_bytes() == again.read_bytes()
    assert set(qids(first)) == set(qids(other)) and qids(first) != qids(other)
    assert not list((tmp_path / "a").glob(".*shuffle*"))
    # With the inputs the other way round only the duplicate is another one.
    turned = qids(run("d", "--input", *given[:0:-1], "--seed", 1))
    assert [q for q in turned if q != "duplicate-of-geometry"] == [q for q in qids(first) if q != "original"]


def test_many_stretches_keep_the_order(build, tmp_path, monkeypatch):
    """What does not fit into one stretch is written in several; here each holds a few rows."""
    import data_prep.mix.output as mix_output
    from data_prep.mix.input import open_tables
    from data_prep.mix.output import Place, write_shuffled

    rows = [build.make_row("virl39k", str(n), build.picture(seed=n)) for n in range(40)]
    write_rows(tmp_path / "in.parquet", rows)
    monkeypatch.setattr(mix_output, "GROUP_BYTES", sum(row.size for row in rows) // 9)
    order = [(7 * n) % 40 for n in range(40)]
    sizes = [rows[n].size for n in order]
    places = [Place(0, n) for n in order]
    write_shuffled(tmp_path / "out.parquet", open_tables([tmp_path / "in.parquet"]), places, sizes, tmp_path / "s")
    assert qids(tmp_path / "out.parquet") == [str(n) for n in order]
    assert pq.ParquetFile(tmp_path / "out.parquet").num_row_groups in (9, 10)


def test_a_second_run_keeps_the_output_and_another_benchmark_reuses_fingerprints(build, inputs, benchmarks, tmp_path):
    arguments = ["mix", *sources(inputs), "--output", tmp_path]
    build.call(*arguments)
    stored = {path: path.stat().st_mtime_ns for path in (tmp_path / ".fingerprints").rglob("*.jsonl")}
    assert "is up to date" in build.call(*arguments).out
    done = build.call(*arguments, "--benchmark", f"mathvista={benchmarks / 'mathvista'}")
    assert done.status == 0 and "vista-bytes" not in qids(tmp_path / "mix.parquet")
    assert all(path.stat().st_mtime_ns == time for path, time in stored.items())


def test_other_pictures_can_be_kept_out(build, inputs, tmp_path):
    (tmp_path / "pictures" / "deep").mkdir(parents=True)
    (tmp_path / "pictures" / "deep" / "a.png").write_bytes(build.picture(160, 120, seed=100))
    generic = build.table([{"id": 5, "problem": "?", "images": [build.cell(build.picture(160, 120, seed=109))]}],
                    id=pa.int64(), problem=pa.string(), images=pa.list_(build.STRUCT))  # fmt: skip
    pq.write_table(generic, tmp_path / "mine.parquet")
    own = ["--benchmark", f"holiday={tmp_path / 'pictures'}", f"mine={tmp_path / 'mine.parquet'}"]
    done = build.call("mix", *sources(inputs), "--output", tmp_path / "out", *own)
    assert done.status == 0, done.err
    against = {entry["qid"]: entry["detail"] for entry in build.entries(tmp_path / "out" / "mix.parquet")}
    assert "holiday:deep/a.png" in against["kept"] and "mine:5" in against["kept-too"]


BAD = {
    "no input": (["--input", "nowhere.parquet"], "nowhere.parquet: there is no such file"),
    "twice": (["--input", "ok.parquet", "./ok.parquet"], "given twice"),
    "not ours": (["--input", "other.parquet"], "not a file of data_prep's converters (data_source, prompt"),
    "truncated": (["--input", "cut.parquet"], "no complete parquet file; run its converter again"),
    "no equals": (["--input", "ok.parquet", "--benchmark", "mathvista"], "must be name=path"),
    "no benchmark": (["--input", "ok.parquet", "--benchmark", "mmmu=nowhere"], "there is no such file or folder"),
    "wrong columns": (
        ["--input", "ok.parquet", "--benchmark", "mathvista=other.parquet"],
        "no column pid, decoded_image",
    ),
    "no pictures": (["--input", "ok.parquet", "--benchmark", "mine=other.parquet"], "no column images or image or"),
    "empty folder": (["--input", "ok.parquet", "--benchmark", "mmmu=empty"], "no parquet file in this folder"),
    "paths only": (["--input", "ok.parquet", "--benchmark", "mine=paths.parquet"], "holds paths only"),
    "workers": (["--input", "ok.parquet", "--workers", "0"], "must be at least 1"),
    "name": (["--input", "ok.parquet", "--name", "../x"], "must be a plain file name"),
    "onto itself": (["--input", "ok.parquet", "--output", ".", "--name", "ok"], "is an input"),
    "not ours to replace": (["--input", "ok.parquet", "--output", "mine"], "was not made by data_prep"),
    "all gone": (["--input", "ok.parquet", "--benchmark", "mine=same.parquet"], "no row is left"),
}


@pytest.fixture(scope="module")
def bad_folder(build, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    image = build.picture()
    write_rows(folder / "ok.parquet", [build.make_row("virl39k", "a", image)])
    (folder / "cut.parquet").write_bytes((folder / "ok.parquet").read_bytes()[:-20])
    pq.write_table(build.table([{"question": "?"}], question=pa.string()), folder / "other.parquet")
    paths = [{"image": {"bytes": None, "path": "x.png"}}]
    pq.write_table(build.table(paths, image=build.STRUCT), folder / "paths.parquet")
    pq.write_table(build.table([{"image": build.cell(image)}], image=build.STRUCT), folder / "same.parquet")
    (folder / "empty").mkdir()
    (folder / "mine").mkdir()
    (folder / "mine" / "mix.parquet").write_text("mine")
    return folder


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_line(build, bad_folder, case, capfd):
    arguments, text = BAD[case]
    output = [] if "--output" in arguments else ["--output", "out"]
    done = subprocess.run(
        build.command("mix", *arguments, *output),
        cwd=bad_folder, capture_output=True, text=True, timeout=60, env=os.environ | {"PYTHONPATH": str(build.ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith("error: ") and text in done.stderr
    assert build.visible(bad_folder / "out") == [] and build.visible(bad_folder / "mine") == ["mix.parquet"]


def test_a_full_disk_leaves_nothing_and_the_same_command_goes_on(build, inputs, tmp_path):
    """A limit on the size of files stands for a full disk."""
    command = build.command("mix", *sources(inputs), "--output", tmp_path, "--seed", "3")
    limit = (tmp_path, 20_000)
    done = subprocess.run(
        command, cwd=build.ROOT, capture_output=True, text=True, timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit[1], limit[1])),
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert build.visible(tmp_path) == [] and not list(tmp_path.rglob("*.unfinished"))
    assert build.call("mix", *sources(inputs), "--output", tmp_path, "--seed", "3").status == 0
    assert build.visible(tmp_path) == FILES


def test_help(build):
    done = build.call("mix", "--help")
    assert done.status == 0 and "mathvista, mathverse, mathvision" in done.out and sys.executable not in done.out
