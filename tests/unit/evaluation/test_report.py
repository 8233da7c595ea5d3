# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Reports of one evaluation and of two, from what a run leaves."""

import json

import pytest

from recipe.evaluation.benchmarks import BENCHMARKS
from recipe.evaluation.report import compare_evaluations, main, percent, read_evaluation
from recipe.evaluation.run import main as run
from recipe.evaluation.run import report, write_basis
from recipe.evaluation.scores import Summary, macro, read_scores, score_benchmark, summarise
from recipe.evaluation.tiny_sets import ROWS

RIGHT = {
    "mathvista": ["B", "D", "1", "1.2"],
    "mathverse": ["B", "B", "118"],
    "mathvision": ["C", "B", r"\frac{36}{13}"],
    "mmmu": ["A", "0.5", "B"],
    "mmmu_pro_standard": ["A", "J", "B"],
    "mmmu_pro_vision": ["A", "I"],
}
ASKED = {"max_tokens": 32, "limit": None}


def evaluation(folder, wrong=(), asked=ASKED, names=tuple(BENCHMARKS), model=None):
    """Write what ``lmms_run`` leaves for a model that is wrong on the first question of some benchmarks."""
    write_basis(folder, model or str(folder), asked)
    for name in names:
        (folder / name).mkdir()
        lines = []
        for place, (row, answer) in enumerate(zip(ROWS[name], RIGHT[name], strict=True)):
            is_wrong = name in wrong and place == 0
            text = "<think>hm" if is_wrong else f"<think>hm</think><answer>{answer}</answer>"
            doc = {key: value for key, value in row.items() if isinstance(value, str | int | float | list)}
            response = {"text": text, "finish_reason": "length" if is_wrong else "stop", "tokens": 10}
            scores = {"acc_score": 1.0, "format_score": 1.0}
            lines.append(json.dumps({"doc_id": place, "doc": doc, "response": response, **scores}) + "\n")
        (folder / name / "samples.jsonl").write_text("".join(lines))
        score_benchmark(BENCHMARKS[name], folder / name)
        (folder / name / "lmms_eval.json").touch()
    return folder


def served_at(address, **changes):
    """The settings of an evaluation by a running server, as they were recorded when its address was among them."""
    return {"lmms_eval": "0.7.3", "vllm": address, "max_tokens": 32, "limit": None, "temperature": 0, **changes}


def arguments(out, against, *more):
    given = ["m", "--out", out, "--against", against, "--endpoint", "http://h2:8001/v1", "--max-tokens", 32, *more]
    return [str(argument) for argument in [*given, "--lmms-python", "nowhere"]]


def test_shares_by_hand(tmp_path):
    folder = evaluation(tmp_path / "m", wrong=["mathvista"]) / "mathvista"
    summary = summarise(BENCHMARKS["mathvista"], read_scores(folder))
    # The first of four is wrong, one of two with options.
    assert (summary.verifier, summary.lmms_eval) == (0.75, 1.0)
    assert (summary.choice_questions, summary.choice_verifier, summary.free_verifier) == (2, 0.5, 1.0)
    assert (summary.format, summary.no_answer, summary.truncated, summary.unverified) == (0.75, 0.25, 0.25, 0.0)
    assert not summary.is_whole


def test_macro_average_by_hand(tmp_path):
    found = read_evaluation(evaluation(tmp_path / "m", wrong=["mathvista", "mathverse", "mmmu_pro_vision"]))
    # (3/4 + 2/3 + 1 + 1 + 1 + 1/2) / 6
    assert macro(found.summaries, "verifier") == pytest.approx((0.75 + 2 / 3 + 1 + 1 + 1 + 0.5) / 6)
    assert macro(found.summaries, "lmms_eval") == 1.0
    assert macro(found.summaries[:5], "verifier") is None


def test_differences_of_two_models(tmp_path, capsys):
    before = evaluation(tmp_path / "before", wrong=["mathvista", "mmmu_pro_vision"])
    after = evaluation(tmp_path / "after", wrong=["mmmu_pro_vision"])
    found = compare_evaluations(read_evaluation(before), read_evaluation(after), "verifier")
    assert found["mathvista"].delta == 0.25 and found["mmmu_pro_vision"].delta == 0.0
    assert found["macro"].delta == pytest.approx(0.25 / 6)
    assert main([str(before), str(after)]) == 0
    text = capsys.readouterr().out
    assert "+25.0 [+0.0, +75.0]" in text and "macro average" in text
    assert "paper: Qwen2.5-VL-7B + CARE" in text and "50.57" in text and "not to be compared with the paper" in text


def test_a_part_of_the_benchmarks_has_no_macro_average(tmp_path, capsys):
    folder = evaluation(tmp_path / "m", names=["mmmu"])
    report(folder, None)
    written = json.loads((folder / "report.json").read_text())
    assert list(written["benchmarks"]) == ["mmmu"] and written["macro"] == {"verifier": None, "lmms_eval": None}
    assert (folder / "report.md").read_text() in capsys.readouterr().out


def test_models_that_were_asked_differently_are_not_compared(tmp_path):
    one = read_evaluation(evaluation(tmp_path / "one"))
    other = read_evaluation(evaluation(tmp_path / "other", asked={**ASKED, "max_tokens": 64}))
    with pytest.raises(ValueError, match=r"asked differently \(max_tokens\)"):
        compare_evaluations(one, other, "verifier")
    shorter = read_evaluation(evaluation(tmp_path / "shorter", names=["mmmu"]))
    shorter.scores["mmmu"].pop()
    with pytest.raises(ValueError, match="mmmu: 3 and 2 questions"):
        compare_evaluations(one, shorter, "verifier")


def test_the_address_of_a_server_is_no_setting(tmp_path, capsys):
    """Of two evaluations, and of one that goes on: everything was asked, so that this one only compares."""
    before = evaluation(tmp_path / "before", asked=served_at("http://h1:8000/v1"))
    after = evaluation(tmp_path / "after", asked=served_at("https://h3/v1"), model="m")
    assert run(arguments(after, before)) == 0, capsys.readouterr().err
    assert "macro average" in (after / "report.md").read_text()
    assert "://" not in (after / "basis.json").read_text()
    assert run(arguments(after, before)) == 0
    own = evaluation(tmp_path / "own", asked=served_at("0.28.0"))
    assert run(arguments(after, own)) == 2
    assert "'0.28.0'" in capsys.readouterr().err


def test_a_comparison_that_cannot_be_is_refused_before_anything_is_asked(tmp_path, capsys):
    out = tmp_path / "out"
    longer = evaluation(tmp_path / "longer", asked=served_at("http://h1:8000/v1", max_tokens=64))
    other = evaluation(tmp_path / "other", asked=served_at("http://h1:8000/v1"), names=["mmmu"])
    unfinished = evaluation(tmp_path / "unfinished", asked=served_at("http://h1:8000/v1"), names=[])
    cases = {
        tmp_path / "nowhere": "nowhere is no evaluation; make it with: bash examples/evaluate.sh MODEL --out",
        unfinished: "no benchmark is finished; run the same examples/evaluate.sh again",
        longer: "with {'max_tokens': 64}, this one would be with {'max_tokens': 32}; use the same settings here",
        other: "it has only mmmu; add one of these to --benchmarks",
    }
    for against, text in cases.items():
        for more in ([], ["--dry-run"]):
            assert run(arguments(out, against, "--benchmarks", "mathvista", *more)) == 2
            error = capsys.readouterr().err
            assert error.startswith(f"--against {against}") and text in error
    assert not out.exists()


def test_a_comparison_that_fails_leaves_the_report(tmp_path, capsys):
    before = evaluation(tmp_path / "before")
    after = evaluation(tmp_path / "after")
    scores = after / "mmmu" / "scores.jsonl"
    scores.write_text("".join(scores.read_text().splitlines(keepends=True)[:2]))
    with pytest.raises(ValueError, match="mmmu: 3 and 2 questions"):
        report(after, before)
    assert (after / "report.md").read_text() in capsys.readouterr().out
    assert json.loads((after / "report.json").read_text())["benchmarks"]["mmmu"]["questions"] == 2


def test_a_folder_of_another_model_or_other_settings_is_refused(tmp_path):
    (tmp_path / "model").mkdir()
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(b"a")
    write_basis(tmp_path / "out", str(tmp_path / "model"), ASKED)
    write_basis(tmp_path / "out", str(tmp_path / "model"), ASKED)
    weights.write_bytes(b"ab")
    with pytest.raises(ValueError, match="made with other weights; choose another folder"):
        write_basis(tmp_path / "out", str(tmp_path / "model"), ASKED)


def test_what_is_no_evaluation_says_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"bash examples/evaluate.sh MODEL --out"):
        read_evaluation(tmp_path)
    write_basis(tmp_path, "m", ASKED)
    with pytest.raises(FileNotFoundError, match="no benchmark is finished"):
        read_evaluation(tmp_path)


def test_no_questions_is_an_error():
    with pytest.raises(ValueError, match="--limit must be at least 1"):
        summarise(BENCHMARKS["mmmu"], [])


def test_numbers_as_printed():
    assert (percent(None), percent(0.5057)) == ("-", "50.6")
    assert Summary("mmmu", 900, *[0.0] * 2, 847, *[0.0] * 7).is_whole
