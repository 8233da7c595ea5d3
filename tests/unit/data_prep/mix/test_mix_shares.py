# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Caps, weights and validation splits of a mixture, and the run that only counts."""

from collections import Counter

import pyarrow.parquet as pq
import pytest

from data_prep.file.output import write_rows
from data_prep.mix import mixture as mix


@pytest.fixture(scope="module")
def inputs(build, tmp_path_factory):
    """30 charts with two questions each, and 20 problems; two of those show charts."""
    folder = tmp_path_factory.mktemp("inputs")
    charts = [build.picture(80, 60, seed=n) for n in range(30)]
    problems = [build.picture(80, 60, seed=100 + n) for n in range(20)]
    problems[:2] = charts[:2]
    rows = [build.make_row("chartqa", f"c{n}-{k}", chart, f"How high is bar {k}?") for n, chart in enumerate(charts)
            for k in range(2)]  # fmt: skip
    write_rows(folder / "charts.parquet", rows)
    write_rows(folder / "problems.parquet", [build.make_row("virl39k", f"v{n}", p) for n, p in enumerate(problems)])
    return ["--input", str(folder / "charts.parquet"), str(folder / "problems.parquet")]


def rows_of(parquet):
    columns = pq.read_table(parquet, columns=["data_source", "extra_info"]).to_pylist()
    return [(row["data_source"], row["extra_info"]["qid"], *row["extra_info"]["image_sha256"]) for row in columns]


def run(inputs, out, *arguments):
    assert mix.main([*inputs, "--output", str(out), *map(str, arguments)]) == 0
    return rows_of(out / "mix.parquet")


@pytest.mark.parametrize("seed", [[], ["--seed", 1]])
def test_a_cap_and_a_weight(inputs, tmp_path, seed):
    found = run(inputs, tmp_path, "--cap", "chartqa=15", "--weight", "virl39k=2.5", *seed)
    counts = Counter(found)
    assert (
        sum(n for row, n in counts.items() if row[0] == "chartqa") == 15 == len({r for r in found if r[0] == "chartqa"})
    )
    assert Counter(n for row, n in counts.items() if row[0] == "virl39k") == {2: 10, 3: 10}


def test_a_weight_below_one_and_both_together(inputs, tmp_path):
    found = Counter(run(inputs, tmp_path, "--cap", "chartqa=20", "--weight", "chartqa=0.5", "virl39k=3"))
    assert [sum(n for row, n in found.items() if row[0] == source) for source in ("chartqa", "virl39k")] == [10, 60]


def test_a_validation_split_shares_no_image(build, inputs, tmp_path):
    train = run(inputs, tmp_path, "--validation", "chartqa=20", "virl39k=5", "--seed", 3)
    held_out = rows_of(tmp_path / "mix_val.parquet")
    assert Counter(row[0] for row in held_out) == {"chartqa": 20, "virl39k": 5}
    assert not {row[2] for row in train} & {row[2] for row in held_out}
    assert not {row[1] for row in train} & {row[1] for row in held_out}
    record = build.manifest(tmp_path / "mix_val.parquet")
    assert (record["rows"], record["options"]["validation"]) == (25, {"chartqa": 20, "virl39k": 5})
    assert build.manifest(tmp_path / "mix.parquet")["rows"] == len(train)
    # Rows of one chart go together, so a split of 20 takes ten charts and loses next to nothing.
    assert len(train) + len(held_out) >= 80 - 4


def test_the_choice_does_not_depend_on_the_order_of_the_inputs(inputs, tmp_path):
    shares = ["--cap", "chartqa=15", "--validation", "virl39k=5"]
    one = run(inputs, tmp_path / "a", *shares)
    other = run([inputs[0], *inputs[:0:-1]], tmp_path / "b", *shares)
    assert set(one) == set(other)
    assert set(rows_of(tmp_path / "a" / "mix_val.parquet")) == set(rows_of(tmp_path / "b" / "mix_val.parquet"))
    assert set(run(inputs, tmp_path / "c", *shares, "--seed", 9)) != set(one)


def test_a_dry_run_counts_and_writes_nothing(inputs, tmp_path, capsys):
    arguments = ["--cap", "chartqa=15", "--weight", "virl39k=2", "--validation", "virl39k=5"]
    assert mix.main([*inputs, "--output", str(tmp_path), *arguments, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == [".fingerprints"]
    table = {line.split()[0]: line.split()[1:] for line in printed.split("validation  same image")[1].splitlines()}
    train = run(inputs, tmp_path, *arguments)
    counts = Counter(row[0] for row in train)
    assert [int(table[source][-1]) for source in ("chartqa", "virl39k")] == [counts["chartqa"], counts["virl39k"]]
    assert int(table["virl39k"][0]) == 5 and "was not written" in printed


def test_other_shares_or_a_lost_validation_file_make_it_again(inputs, tmp_path, capsys):
    run(inputs, tmp_path, "--validation", "virl39k=5")
    (tmp_path / "mix_val.parquet").unlink()
    run(inputs, tmp_path, "--validation", "virl39k=5")
    assert (tmp_path / "mix_val.parquet").exists()
    capsys.readouterr()
    run(inputs, tmp_path, "--validation", "virl39k=5")
    assert "is up to date" in capsys.readouterr().out
    assert len(run(inputs, tmp_path, "--cap", "chartqa=3")) == 23


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--cap", "charts=5"], "--cap charts: no such data source; the inputs have chartqa, virl39k"),
        (["--cap", "chartqa=0"], "--cap chartqa=0: must be at least 1"),
        (["--cap", "chartqa=-5"], "must be at least 1"),
        (["--cap", "chartqa=1.5"], "must be SOURCE=NUMBER"),
        (["--cap", "chartqa"], "must be SOURCE=NUMBER"),
        (["--cap", "chartqa=many"], "must be SOURCE=NUMBER"),
        (["--cap", "chartqa=5", "chartqa=6"], "chartqa was given already"),
        (["--weight", "chartqa=0"], "must be over 0 and at most 100"),
        (["--weight", "chartqa=nan"], "must be SOURCE=NUMBER"),
        (["--weight", "chartqa=1e9"], "must be over 0 and at most 100"),
        (["--validation", "virl39k=20"], "leaves no row of it to train on, 20 are there"),
        (["--seed", "-1"], "--seed -1: must be at least 0"),
    ],
)
def test_shares_that_cannot_be_meant(inputs, tmp_path, capsys, arguments, text):
    assert mix.main([*inputs, "--output", str(tmp_path), *arguments]) == 2
    err = capsys.readouterr().err
    assert text in err and err.count("\n") == 1
    assert not (tmp_path / "mix.parquet").exists()
