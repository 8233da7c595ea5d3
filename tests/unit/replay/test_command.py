# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``care replay`` as a person runs it, and the page about it."""

import dataclasses
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipe import cli
from recipe.replay.command import main
from recipe.replay.methods import METHODS
from recipe.replay.records import RepairRecord, RolloutRecord, pack_embedding
from recipe.tiny.models import build
from recipe.tiny.tokenizer import train_tokenizer
from tests.unit.replay.dumps import group, response, row, write

PAGE = Path(__file__).parents[3] / "docs" / "replay.md"
EVIL = "\x1b[2J\x1b]0;owned\x07[red]</think>\u202e"


def replay(*arguments, capsys, tmp_path):
    """Exit status, page, complaints and JSON of a run."""
    file = tmp_path / "out.json"
    status = main([*map(str, arguments), "--json", str(file)])
    said = capsys.readouterr()
    return status, said.out, said.err, json.loads(file.read_text()) if status == 0 else None


def test_the_figures_of_a_small_dump(capsys, tmp_path):
    """Groups 1 0 0 0 | 1 1 1 1 | 0 0 0 0 with scores that are verdicts: a third each mixed, all right, all wrong.

    GRPO teaches the 4 rows of the first; its masses are 1.5 and 3 x 0.5, half on failures. care-paper: 2 and 3 x
    1/3 in the first group, the same in the third, where all is on failures: 1 + 3 of 6.
    """
    rows = [*group("a", [1, 0, 0, 0]), *group("b", [1] * 4), *group("c", [0] * 4)]
    status, page, _, content = replay(write(tmp_path / "1.jsonl", rows), capsys=capsys, tmp_path=tmp_path)
    assert status == 0
    groups = content["groups"]
    assert [groups[key] for key in ("groups", "mixed", "all_right", "all_wrong", "one_right")] == [3, 1, 1, 1, 1]
    methods = content["methods"]
    assert list(methods) == list(METHODS)
    assert (methods["grpo"]["taught"], methods["grpo"]["silent_groups"]) == (4, 2)
    assert methods["grpo"]["failures_share"] == pytest.approx(0.5, abs=1e-4)
    assert (methods["care-paper"]["taught"], methods["care-paper"]["wrong_pushed_up"]) == (8, 1)
    assert methods["care-paper"]["failures_share"] == pytest.approx(4 / 6, abs=1e-4)
    assert methods["dapo"]["decoded_per_row"] == 3
    pairs = {tuple(pair["methods"]): pair for pair in content["pairs"]}
    assert pairs["grpo", "gspo"] == {"methods": ["grpo", "gspo"], "opposite": 0, "only_one": 0, "same": 4}
    assert pairs["grpo", "care-paper"] == {"methods": ["grpo", "care-paper"], "opposite": 0, "only_one": 4, "same": 4}
    assert "33.3% mixed, 33.3% all right, 33.3% all wrong" in page
    assert "No log-probabilities in 1 all-wrong groups: there the shortest response" in page
    assert "Distances in 1 of 1 steps: by words in common" in page


def test_methods_that_push_opposite_ways(capsys, tmp_path):
    """In numbers.

    All wrong, the first in the right format: GRPO pushes it up and the others down. The second is the shortest,
    which care-paper pushes up: opposite there and at the first row.
    """
    rows = group("a", [0.1, 0, 0, 0])
    rows[1]["output"] = response("I.", "1")
    path = write(tmp_path / "1.jsonl", rows)
    arguments = (path, "--threshold", 0.5, "--methods", "grpo,care-paper")
    (pair,) = replay(*arguments, capsys=capsys, tmp_path=tmp_path)[3]["pairs"]
    assert (pair["opposite"], pair["same"], pair["only_one"]) == (2, 2, 0)


def test_steps_add_up_and_stand_by_themselves(capsys, tmp_path):
    for step, scores in ((1, [1, 0]), (2, [0, 0])):
        write(tmp_path / "dump" / f"{step}.jsonl", group("a", scores, step=step))
    content = replay(tmp_path / "dump", capsys=capsys, tmp_path=tmp_path)[3]
    assert [(step["step"], step["accuracy"]) for step in content["steps"]] == [(1, 0.5), (2, 0.0)]
    assert [step["methods"]["dapo"]["decoded_per_row"] for step in content["steps"]] == [1, None]
    assert content["methods"]["dapo"]["decoded_per_row"] == 2
    assert [step["methods"]["grpo"]["taught_share"] for step in content["steps"]] == [1, 0]
    assert content["methods"]["grpo"]["taught_share"] == 0.5


def test_hostile_texts_do_not_reach_the_terminal(capsys, tmp_path):
    rows = [
        {**one, "input": EVIL, "output": response(EVIL, f"3{EVIL}"), "gts": EVIL, "uid": f"{EVIL}_{place}_0"}
        for place, one in enumerate(group("a", [1, 0, 0.5]))
    ]
    path = write(tmp_path / "1.jsonl", [*rows, EVIL])
    status, page, err, content = replay(path, "--data-source", "text", capsys=capsys, tmp_path=tmp_path)
    assert status == 0 and content["verdicts"]["disputes"] and content["read"]["damaged"] == 1
    assert "[red]" in page and "\\x1b[2J" in page
    assert all(one.isprintable() or one == "\n" for one in page + err)


def test_records_bring_distances_likelihoods_and_repairs(capsys, tmp_path):
    """Two groups, the first of them all wrong: there, one repair of two passed and is used."""
    repairs = [
        RepairRecord(outcome, True, response("I guess.", "4"), 0.1, "Again.", response("I count.", "3"), acc)
        for outcome, acc in (("passed", 1.0), ("failed", 0.0))
    ]
    tried = {("a", 0): repairs[0], ("a", 1): dataclasses.replace(repairs[1], used=False)}
    records = [
        RolloutRecord(
            1, f"{name}_{place}_0", name, place, "How many?", response("I count.", "3"), "3", 1.0, acc, "unused", 0.0,
            tokens=8, logp=-9.0 - place, embedding=pack_embedding(np.eye(4)[place]), repair=tried.get((name, place)),
        )
        for name, verdicts in (("a", (1.0, 0.0, 0.0)), ("b", (1.0, 0.0, 0.0)))
        for place, acc in enumerate(verdicts)
    ]  # fmt: skip
    path = write(tmp_path / "1.jsonl", [record.line() for record in records])
    _, page, _, content = replay(path, capsys=capsys, tmp_path=tmp_path)
    assert (content["groups"]["all_wrong"], content["groups"]["mixed"]) == (1, 1)
    assert content["repairs"] == {"tried": {"all wrong": 2}, "passed": {"all wrong": 1}}
    assert "Repairs recorded in all wrong groups: 2, of which 50.0% passed." in page
    assert "Distances in 1 of 1 steps: those of the run." in page
    # The repaired row's log-probability is the repair's, so there is none of the failure's in its group.
    assert content["groups"]["guessed_likeliest"] == 1
    _, page, _, _ = replay(path, "--embeddings", "lexical", capsys=capsys, tmp_path=tmp_path)
    assert "Distances in 1 of 1 steps: by words in common" in page


def test_the_verifiers_disputes_are_shown(capsys, tmp_path):
    rows = [row(output=response("I count.", answer), score=score) for answer, score in (("3", 0.1), ("4", 1.0))]
    path = write(tmp_path / "1.jsonl", rows)
    _, page, _, content = replay(path, "--data-source", "maths", capsys=capsys, tmp_path=tmp_path)
    assert "2 compared, 1 right by the verifier only, 1 right by the dump only" in page
    assert [one["where"] for one in content["verdicts"]["disputes"]] == [f"{path}:1", f"{path}:2"]


def test_damaged_lines_and_files_are_said_and_the_rest_is_read(capsys, tmp_path):
    write(tmp_path / "d" / "1.jsonl", [*group("a", [1, 0]), '{"half'])
    write(tmp_path / "d" / "2.jsonl", ["nothing of the kind"])
    status, page, err, _ = replay(tmp_path / "d", capsys=capsys, tmp_path=tmp_path)
    assert status == 0
    assert "1 damaged lines were skipped." in page
    assert next(line for line in err.splitlines() if "no rollout dump" in line).startswith("left out: ")


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n"], ids=["empty", "csv"])
def test_a_file_that_is_no_dump_gets_one_line_and_status_2(content, capsys, tmp_path):
    path = tmp_path / "1.jsonl"
    path.write_text(content)
    status, page, err, _ = replay(path, capsys=capsys, tmp_path=tmp_path)
    assert (status, page) == (2, "")
    assert [line for line in err.splitlines() if line.startswith("error: ")] == err.splitlines()[-1:]


def test_what_is_missing_is_named(capsys, tmp_path):
    path = write(tmp_path / "1.jsonl", group("a", [0.1]))
    for arguments, said in (
        ([path], "--threshold X"),
        ([tmp_path / "no"], "there is no such file or folder"),
        ([path, "--data", tmp_path / "no.parquet"], "--data "),
        ([path, "--data-source", "nobody"], "nobody"),
        ([path, "--tokenizer", tmp_path], "--tokenizer "),
        ([path, "--model", tmp_path], "--model "),
        ([path, "--methods", "grpo,nobody"], "there is no method 'nobody'; known: grpo, dapo"),
        ([path, "--methods", "grpo,ace", "--set", "ace.alpha"], "--set ace.alpha: write ESTIMATOR.KEY=VALUE"),
        ([path, "--methods", "grpo", "--set", "ace.alpha=1"], "ace is no estimator among --methods grpo"),
        ([path, "--methods", "ngrpo", "--set", "ngrpo.virtual_rows=0"], "algorithm.ngrpo.virtual_rows=0: must be"),
        ([path, "--methods", "noise_forward"], "algorithm.noise_forward.false_negative: must be set"),
        ([path, "--estimators", tmp_path / "no.py"], "there is no file"),
    ):
        status, _, err, _ = replay(*arguments, capsys=capsys, tmp_path=tmp_path)
        assert status == 2 and said in err.splitlines()[-1], err


def commands() -> list[list[str]]:
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with the files that the page speaks of."""
    folder = tmp_path_factory.mktemp("replay")
    rows = [*group("Find x.", [0.1, 1.0]), *group("Find the area.", [0.0, 0.1])]
    for step in (1, 2):
        write(folder / "outputs/rollouts" / f"{step}.jsonl", [{**one, "step": step} for one in rows])
        named = [{**one, "care_record": 1, "step": step, "group": one["uid"].split("_")[0], "row": 0} for one in rows]
        recorded = [{**one, "acc": float(one["score"] > 0.5), "role": "unused", "advantage": 0.0} for one in named]
        write(folder / "runs/tiny_qwen2_5_vl_care/records" / f"{step}.jsonl", recorded)
    table = [
        {
            "data_source": "geometry3k",
            "prompt": [{"role": "user", "content": f"<image>{prompt}"}],
            "reward_model": {"style": "rule", "ground_truth": "3"},
        }
        for prompt in ("Find x.", "Find the area.")
    ]
    (folder / "data").mkdir()
    pq.write_table(pa.Table.from_pylist(table), folder / "data/train.parquet")
    build("qwen2_5_vl", folder / "models/policy", 0, train_tokenizer([response("I count.", "3")] * 3, 300))
    return folder


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_of_the_page_runs(command, workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    if command[0] == "care":
        with pytest.raises(SystemExit) as ended:
            cli.main(command[1:])
        assert ended.value.code == 0
    else:
        assert command[:3] == ["python", "-m", "recipe.replay"]
        assert main(command[3:]) == 0
    page = capsys.readouterr().out
    one_file = "outputs/rollouts/1.jsonl" in command and "outputs/rollouts/2.jsonl" not in command
    assert ("1 steps, 2 groups, 4 rollouts" if one_file else "2 steps, 4 groups, 8 rollouts") in page
    assert ("care-paper" in page) == ("--methods" not in command)


def test_the_page_explains_every_line_of_the_table(workplace, capsys):
    main([str(workplace / "outputs/rollouts"), "--threshold", "0.5"])
    table = capsys.readouterr().out.split("Right: ")[1].split("The gradient is")[0]
    titles = set(re.findall(r"^ +([a-z][a-z0-9 -]*?)  ", table, re.M)) - {*METHODS, "pushed up", "pushed down"}
    assert len(titles) > 8
    for title in titles:
        assert f"| {title} |" in PAGE.read_text(), title
