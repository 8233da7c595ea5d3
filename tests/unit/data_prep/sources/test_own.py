# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Anybody's rows: read, judged and written by kind of answer."""

import json
import zipfile

import pyarrow.parquet as pq
import pytest

from data_prep import own
from data_prep.errors import InputError
from data_prep.row.convert import Rules, convert
from data_prep.row.schema import SCHEMA
from data_prep.sources.own import KINDS, OwnReader


def write(folder, *rows):
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "rows.jsonl"


@pytest.fixture
def folder(build, tmp_path):
    (tmp_path / "pics").mkdir()
    (tmp_path / "pics" / "a.png").write_bytes(build.picture())
    return tmp_path


ROWS = {
    "maths": [{"question": "How long is AB?", "answer": 5, "images": "pics/a.png"},
              {"question": "Find f.", "answer": "$x^2+1$", "id": "f"},
              {"question": "How long?", "answer": "9.4", "precise_value": 9.43, "source": "book", "category": "a"}],
    "choice": [{"question": "Which one?", "answer": "dog", "options": ["cat", "dog"], "images": ["pics/a.png"]},
               {"question": "Which one?\n(A) cat\n(B) dog", "answer": "B"},
               {"question": "Which one is it?", "answer": "C"}],
    "chart": [{"question": "How high?", "answer": "39%", "images": ["pics/a.png", "pics/a.png"]},
              {"question": "How many?", "answer": 0.9375}],
    "text": [{"question": "What colour?", "answer": "red"}],
}  # fmt: skip
GOLDS = {
    "maths": [("5", "number"), ("x^2+1", "latex"), ("9.4", "number")],
    "choice": [("B", "choice"), ("B", "choice"), ("C", "choice")],
    "chart": [("39%", "number"), ("0.9375", "number")],
    "text": [("red", "text")],
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_read(folder, kind):
    """Judged here by the verifier's rules for ViRL39K or ChartQA, which every checkout knows."""
    reader = OwnReader(write(folder, *ROWS[kind]), "mine", None)
    source = "chartqa" if kind == "chart" else "virl39k"
    outcomes = [convert(example, Rules(source, "train", KINDS[kind])) for example in reader.read(0)]
    assert [(o.row.ground_truth, o.row.answer_type) for o in outcomes] == GOLDS[kind]
    assert reader.total == len(outcomes)
    assert [example.index for example in reader.read(1)] == list(range(1, reader.total))


def test_options_are_shown_and_kept(folder):
    (first, second, third) = OwnReader(write(folder, *ROWS["choice"]), "mine", None).read(0)
    assert first.question == "Which one?\nChoices:\n(A) cat\n(B) dog"
    assert second.question == ROWS["choice"][1]["question"]
    outcomes = [convert(example, Rules("virl39k", "train", KINDS["choice"])) for example in (first, second, third)]
    assert [outcome.row.options for outcome in outcomes] == [("cat", "dog"), ("cat", "dog"), ()]


def test_what_the_row_says_of_itself(folder):
    found = list(OwnReader(write(folder, *ROWS["maths"]), "mine", None).read(0))
    assert [example.qid for example in found] == ["mine-0", "mine-f", "mine-2"]
    assert (found[2].source, found[2].category, found[2].precise_values) == ("book", "a", (9.43,))
    assert convert(found[2], Rules("virl39k", "train", KINDS["maths"])).row.precise_value == 9.43


BAD = [
    b"{", b"null", b"[1]", b'{"question": "?"}', b'{"answer": "5"}', b'{"question": 5, "answer": "5"}',
    b'{"question": "?", "answer": null}', b'{"question": "?", "answer": true}', b'{"question": "?", "answer": ["5"]}',
    b'{"question": "?", "answer": "5", "images": [5]}', b'{"question": "?", "answer": "5", "options": "A"}',
    b'{"question": "?", "answer": "5", "anwser": "5"}', b'{"question": "\xe4", "answer": "5"}', b"[" * 100_000,
    json.dumps({"question": "?", "answer": "A", "options": ["x"] * 27}).encode(),
]  # fmt: skip


def test_a_bad_line_costs_its_row(folder):
    good = json.dumps({"question": "How long?", "answer": "5"}).encode()
    (folder / "rows.jsonl").write_bytes(b"\n".join([*BAD, b"", good]) + b"\n")
    found = list(OwnReader(folder / "rows.jsonl", "mine", None).read(0))
    assert [bool(example.defect) for example in found] == [True] * len(BAD) + [False]
    outcome = convert(found[11], Rules("virl39k", "train", KINDS["maths"]))
    assert outcome.entries[0].reason == "record_unreadable" and "unknown field anwser" in outcome.entries[0].detail


@pytest.mark.parametrize("content", [b"", b"text", b'{"a": 1}\n', b'[{"question": "?", "answer": "5"}]'])
def test_a_file_without_rows_is_refused(folder, content):
    (folder / "rows.jsonl").write_bytes(content)
    with pytest.raises(InputError, match="each row is one line"):
        OwnReader(folder / "rows.jsonl", "mine", None)


def test_images_from_a_zip(build, folder):
    with zipfile.ZipFile(folder / "pictures.zip", "w") as archive:
        archive.write(folder / "pics" / "a.png", "pics/a.png")
    rows = write(folder, {"question": "?", "answer": "5", "images": ["pics/a.png", "nowhere.png"]})
    (example,) = OwnReader(rows, "mine", folder / "pictures.zip").read(0)
    assert [image.content for image in example.images] == [build.picture(), None]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--name", "a/b"], "--name a/b: letters"),
        (["--name", "mine", "--limit", "0"], "--limit 0"),
    ],
)
def test_wrong_options(folder, capsys, arguments, text):
    given = ["--input", str(write(folder, *ROWS["text"])), "--kind", "text", "--output", str(folder / "out")]
    assert own.main([*given, *arguments]) == 2
    assert text in capsys.readouterr().err and not (folder / "out").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_from_lines_to_rows_that_the_verifier_judges(build, folder, kind):
    given = ["--input", str(write(folder, *ROWS[kind])), "--kind", kind, "--name", "mine"]
    assert own.main([*given, "--output", str(folder / "out")]) == 0
    parquet = folder / "out" / "mine_train.parquet"
    assert pq.read_schema(parquet).equals(SCHEMA)
    rows = build.records(parquet)
    assert [row["reward_model"]["ground_truth"] for row in rows] == [gold for gold, _ in GOLDS[kind]]
    assert {row["data_source"] for row in rows} == {f"{kind}/mine"}
