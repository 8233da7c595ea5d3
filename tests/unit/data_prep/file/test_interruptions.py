# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Killed, out of space, fed with the wrong thing: one clear line, nothing half-written, and the next run goes on."""

import os
import resource
import signal
import subprocess
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import data_prep.file.output as output
from data_prep.errors import InputError

OUTPUTS = [
    "virl39k_train.manifest.json",
    "virl39k_train.parquet",
    "virl39k_train.report.jsonl",
    "virl39k_train.review.jsonl",
]


@pytest.fixture(scope="module")
def large_folder(build, tmp_path_factory):
    """Enough rows to be killed in the middle of them."""
    images = {f"images/{n}.png": build.picture(640, 480, seed=n) for n in range(8)}
    rows = [build.virl(rf"\boxed{{{n}}}", image=(f"images/{n % 8}.png",)) | {"qid": str(n)} for n in range(400)]
    rows[7] |= {"answer": "None"}
    rows[390] |= {"image": ["images/nowhere.png"]}
    return build.write_virl(tmp_path_factory.mktemp("large") / "ViRL39K", rows, images)


def start(build, parts, *arguments) -> subprocess.Popen:
    """Start a command, and wait until it has finished so many parts."""
    process = subprocess.Popen(
        build.command(*arguments),
        cwd=build.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test-suite in the background ignores Ctrl-C, and what it starts would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    folder = arguments[-1] / ".virl39k_train.parts"
    deadline = time.monotonic() + 60
    while not (folder / f"part-{parts:05d}.json").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    return process


def start_and_stop(build, sign, parts, *arguments):
    """The same, and send it a signal then."""
    process = start(build, parts, *arguments)
    process.send_signal(sign)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(build, large_folder, tmp_path):
    arguments = ("virl39k", "--input", large_folder, "--part-rows", "20", "--output")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert build.call(*arguments, whole).status == 0
    assert start_and_stop(build, signal.SIGKILL, 3, *arguments, broken)[0] == -signal.SIGKILL
    assert build.visible(broken) == []
    parts = sorted((broken / ".virl39k_train.parts").glob("part-*.parquet"))
    made_before = parts[0].stat().st_mtime_ns
    again = build.call(*arguments, broken)
    assert again.status == 0, again.err
    assert "going on behind row" in again.out
    assert made_before < min(path.stat().st_mtime_ns for path in broken.iterdir())
    assert build.visible(broken) == OUTPUTS
    for name in OUTPUTS:
        assert (broken / name).read_bytes() == (whole / name).read_bytes()
    assert not list(broken.glob(".*"))


def test_ctrl_c_says_how_to_go_on(build, large_folder, tmp_path):
    arguments = ("virl39k", "--input", large_folder, "--part-rows", "10", "--output", tmp_path / "out")
    status, err = start_and_stop(build, signal.SIGINT, 1, *arguments)
    assert (status, err) == (2, "error: interrupted; the same command goes on where it stopped\n")
    assert build.visible(tmp_path / "out") == []


def test_two_runs_do_not_write_the_same_file(build, large_folder, tmp_path):
    arguments = ("virl39k", "--input", large_folder, "--part-rows", "10", "--output", tmp_path)
    first = start(build, 1, *arguments)
    first.send_signal(signal.SIGSTOP)
    refused(build, "another run is writing it", *arguments)
    first.send_signal(signal.SIGCONT)
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert build.visible(tmp_path) == OUTPUTS


def test_other_options_or_another_input_start_again(build, large_folder, tmp_path):
    arguments = ("virl39k", "--input", large_folder, "--output", tmp_path)
    killed = ("virl39k", "--input", large_folder, "--part-rows", "10", "--output", tmp_path)
    start_and_stop(build, signal.SIGKILL, 2, *killed)
    done = build.call(*arguments, "--part-rows", "50", "--limit", "60")
    assert done.status == 0, done.err
    assert "going on" not in done.out
    assert build.manifest(tmp_path / "virl39k_train.parquet")["read"] == 60


def test_a_finished_output_is_kept(build, virl_folder, tmp_path):
    arguments = ("virl39k", "--input", virl_folder, "--output", tmp_path)
    build.call(*arguments)
    before = (tmp_path / OUTPUTS[1]).stat().st_mtime_ns
    done = build.call(*arguments)
    assert "is up to date" in done.out
    assert (tmp_path / OUTPUTS[1]).stat().st_mtime_ns == before


def test_a_file_of_someone_else_is_not_replaced(build, virl_folder, tmp_path):
    (tmp_path / OUTPUTS[1]).write_text("mine")
    refused(build, "was not made by data_prep", "virl39k", "--input", virl_folder, "--output", tmp_path)
    assert (tmp_path / OUTPUTS[1]).read_text() == "mine"


def test_no_space_left(build, large_folder, tmp_path):
    """A limit on the size of files stands for a full disk: the write fails at the same place."""
    out = tmp_path / "out"
    done = subprocess.run(
        build.command("virl39k", "--input", large_folder, "--output", out),
        cwd=build.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert "File too large" in done.stderr and "the same command goes on" in done.stderr
    assert build.visible(out) == []
    assert not list(out.rglob("*.unfinished"))


def test_too_little_space_is_said_before_the_work(tmp_path):
    output.require_space(tmp_path, 1)
    with pytest.raises(InputError, match=r"GiB are needed there and .* GiB are free; free some space"):
        output.require_space(tmp_path, 2**60)


def refused(build, text, *arguments):
    """The command says one line with ``text`` in it, and leaves nothing."""
    done = build.call(*arguments)
    assert done.status == 2, done.out
    assert done.err.startswith("error: ") and done.err.count("\n") == 1, done.err
    assert text in done.err
    return done.err


def test_nothing_there(build, tmp_path):
    refused(build, "there is no such file or folder", "virl39k", "--input", tmp_path / "no", "--output", tmp_path)
    refused(build, "39Krelease.parquet: missing", "virl39k", "--input", tmp_path, "--output", tmp_path)
    refused(build, "no folders <number>/data.json", "geometry3k", "--input", tmp_path, "--output", tmp_path)
    refused(build, "train/train_human.json is there 0 times", "chartqa", "--input", tmp_path, "--output", tmp_path)
    assert build.visible(tmp_path) == []


def test_missing_zip(build, virl_folder, tmp_path):
    (tmp_path / "39Krelease.parquet").write_bytes((virl_folder / "39Krelease.parquet").read_bytes())
    refused(build, "download images.zip too", "virl39k", "--input", tmp_path, "--output", tmp_path / "out")
    done = build.call("virl39k", "--input", tmp_path, "--images", virl_folder / "images.zip", "--output", tmp_path)
    assert done.status == 0, done.err


def test_cut_files(build, virl_folder, tmp_path):
    arguments = ("virl39k", "--input", tmp_path, "--output", tmp_path / "out")
    whole = {name: (virl_folder / name).read_bytes() for name in ("39Krelease.parquet", "images.zip")}
    for name, text in (("39Krelease.parquet", "no complete parquet file"), ("images.zip", "no complete zip file")):
        for other, content in whole.items():
            (tmp_path / other).write_bytes(content[: len(content) // 2] if other == name else content)
        refused(build, text, *arguments)
    assert build.visible(tmp_path / "out") == []


def test_a_parquet_damaged_inside(build, large_folder, tmp_path):
    for name in ("39Krelease.parquet", "images.zip"):
        (tmp_path / name).write_bytes((large_folder / name).read_bytes())
    parquet = tmp_path / "39Krelease.parquet"
    content = bytearray(parquet.read_bytes())
    group = pq.ParquetFile(parquet).metadata.row_group(20).column(0)
    begin = group.dictionary_page_offset or group.data_page_offset
    content[begin : begin + group.total_compressed_size] = b"\xff" * group.total_compressed_size
    parquet.write_bytes(content)
    refused(build, "damaged at row", "virl39k", "--input", tmp_path, "--output", tmp_path / "out")
    assert build.visible(tmp_path / "out") == []


def test_wrong_columns(build, tmp_path):
    table = pa.table({"image": ["a.png"], "query": ["What?"], "label": [5]})
    pq.write_table(table, tmp_path / "x.parquet")
    err = refused(build, "it lacks", "chartqa", "--input", tmp_path / "x.parquet", "--output", tmp_path / "out")
    assert "image (image), label (text or texts), human_or_machine (integer)" in err
    assert "label: int64" in err


@pytest.mark.parametrize(
    ("content", "text"),
    [("{", "Expecting"), ('{"choices": ["1"], "answer": "A"}', "without a proper annotat_text, precise_value")],
)
def test_a_problem_that_is_none(build, tmp_path, content, text):
    problems = build.write_problems(tmp_path / "train")
    (problems / "11" / "data.json").write_text(content)
    assert build.call("geometry3k", "--input", problems, "--output", tmp_path / "out").status == 0
    found = build.entries(tmp_path / "out" / "geometry3k_train.parquet")
    (entry,) = (entry for entry in found if entry["reason"] == "record_unreadable")
    assert entry["qid"] == "geometry3k-11" and text in entry["detail"]
    assert "11/data.json cannot be used" in entry["detail"]


def test_charts_that_are_none(build, tmp_path):
    charts = build.write_charts(tmp_path / "charts")
    (charts / "ChartQA Dataset" / "train" / "train_augmented.json").write_text('[{"query": "?"}]')
    refused(build, "no list of objects with imgname, label, query", "chartqa", "--input", charts, "--output", tmp_path)


def test_nothing_usable(build, tmp_path):
    rows = [build.virl("None") | {"qid": "a"}]
    given = build.write_virl(tmp_path / "ViRL39K", rows, {})
    refused(build, "no row of the input can be used (gold_none)", "virl39k", "--input", given, "--output", tmp_path)
    assert build.visible(tmp_path) == ["ViRL39K"]


def test_hub_ids(build, tmp_path, monkeypatch):
    """The hub's client is asked, here for what its cache has and, offline, cannot have."""
    hub = tmp_path / "hub"
    snapshot = hub / "datasets--hiyouga--geometry3k" / "snapshots" / "0123456789"
    (snapshot / "data").mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0123456789")
    pq.write_table(build.geometry_table(new_revision=True), snapshot / "data" / "train-00000-of-00001.parquet")
    monkeypatch.setenv("HF_HUB_CACHE", str(hub))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    done = build.call("geometry3k", "--output", tmp_path)
    assert done.status == 0, done.err
    refused(build, "cannot be fetched from the hub", "chartqa", "--output", tmp_path)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--limit", "0"], "--limit 0: must be at least 1"),
        (["--max-prompt-length", "100"], "needs --model"),
        (["--model", "{out}/nothing"], "no processor can be loaded"),
    ],
)
def test_wrong_options(build, virl_folder, tmp_path, options, text):
    options = [option.format(out=tmp_path) for option in options]
    refused(build, text, "virl39k", "--input", virl_folder, "--output", tmp_path, *options)
    assert os.listdir(tmp_path) == []
