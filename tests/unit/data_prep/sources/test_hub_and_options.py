# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Hub ids for every command, from a server in this process; options that cannot be meant; what is said meanwhile."""

import errno
import http.server
import json
import os
import subprocess
import tarfile
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data_prep.file.command import supervise
from data_prep.file.output import write_rows
from data_prep.file.progress import EVERY_S, Progress

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.BaseHTTPRequestHandler):
    """The part of the hub's interface that fetching a dataset uses."""

    folder: Path
    """``owner/name/`` folders of datasets."""

    def do_GET(self):
        self.answer(with_body=True)

    def do_HEAD(self):
        self.answer(with_body=False)

    def answer(self, with_body):
        path = self.path.partition("?")[0].replace("%20", " ").replace("%28", "(").replace("%29", ")")
        if path.startswith("/api/datasets/"):
            name = "/".join(path.split("/")[3:5])
            files = sorted(f for f in (self.folder / name).rglob("*") if f.is_file())
            names = {f.relative_to(self.folder / name).as_posix(): f.stat().st_size for f in files}
            tree = [{"type": "file", "path": file, "size": size, "oid": "0" * 40} for file, size in names.items()]
            about = {"id": name, "sha": COMMIT, "siblings": [{"rfilename": file} for file in names]}
            content = json.dumps(tree if "/tree/" in path else about).encode() if files else None
        else:
            owner, name, _, _, file = path.removeprefix("/datasets/").split("/", 4)
            content = (self.folder / owner / name / file).read_bytes()
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.send_header("ETag", f'"{abs(hash(content))}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if with_body and content:
            self.wfile.write(content)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def hub(tmp_path):
    """A folder whose ``owner/name`` are datasets on a hub, and the environment of a command that uses it."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = type("Served", (Hub,), {"folder": folder})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HUB_CACHE": str(tmp_path / "cache")}
    settings |= {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "*"}
    yield folder, os.environ | settings
    server.shutdown()
    server.server_close()


def call(build, env, module, *arguments):
    command = build.command(module, *arguments)
    return subprocess.run(command, cwd=build.ROOT, env=env, capture_output=True, text=True, timeout=120)


def test_charts_by_hub_id(build, hub, tmp_path):
    folder, env = hub
    data = folder / "HuggingFaceM4" / "ChartQA" / "data"
    data.mkdir(parents=True)
    pq.write_table(build.chart_table(build.CHART_CASES[:4]), data / "train-00000-of-00001-abc.parquet")
    (data.parent / "README.md").write_text("not fetched")
    done = call(build, env, "chartqa", "--input", "HuggingFaceM4/ChartQA", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(build.records(tmp_path / "chartqa_train_human.parquet")) == 4
    assert not list((tmp_path / "cache").rglob("README.md"))


def test_the_cold_start_set_by_hub_id(build, hub, tmp_path):
    folder, env = hub
    for name in ("Osilly/Vision-R1-cold", "HuanjinYao/Mulberry-SFT", "Xkev/LLaVA-CoT-100k", "nobody/text"):
        (folder / name).mkdir(parents=True)
    turns = [
        {"from": "user", "value": "How many?"},
        {"from": "assistant", "value": "<think>1</think><answer>1</answer>"},
    ]
    rows = [{"images": "mulberry_images/a.png", "conversations": turns}]
    (folder / "Osilly/Vision-R1-cold" / "vision_r1_mulberry_sft_full.json").write_text(json.dumps(rows))
    (tmp_path / "a.png").write_bytes(build.picture())
    with tarfile.open(folder / "HuanjinYao/Mulberry-SFT" / "mulberry_images.tar", "w") as archive:
        archive.add(tmp_path / "a.png", "mulberry_images/a.png")
    (folder / "Xkev/LLaVA-CoT-100k" / "image.zip.part-aa").write_bytes(b"PK")
    (folder / "nobody/text" / "a.txt").write_text("nothing")
    arguments = ("vision_r1_cold", "--input", "Osilly/Vision-R1-cold", "--output", tmp_path, "--images")
    done = call(build, env, *arguments, "HuanjinYao/Mulberry-SFT")
    assert done.returncode == 0, done.stderr
    assert pq.read_metadata(tmp_path / "vision_r1_cold.parquet").num_rows == 1
    for given, text in (
        ("Xkev/LLaVA-CoT-100k", "its zip is in parts; join them, cat"),
        ("nobody/text", "no zip or tar"),
    ):
        done = call(build, env, *arguments, given)
        assert done.returncode == 2 and text in done.stderr, done.stderr
    done = call(build, env, *arguments, "nobody/nothing")
    assert done.returncode == 2 and "--images nobody/nothing" in done.stderr, done.stderr


def test_benchmarks_by_hub_id(build, hub, tmp_path):
    """Of MMMU-Pro, a dataset with a folder for each form, each name takes its own."""
    folder, env = hub
    files = build.write_benchmarks(tmp_path / "files", build.picture)
    (folder / "MMMU").mkdir()
    (files / "pro").rename(folder / "MMMU" / "MMMU_Pro")
    (folder / "AI4Math").mkdir()
    (files / "mathvista").rename(folder / "AI4Math" / "MathVista")
    (folder / "AI4Math" / "MathVista" / "data" / "test-00000-of-00001.parquet").write_text("not fetched")
    write_rows(tmp_path / "in.parquet", [build.make_row("virl39k", str(n), build.picture(160, 120, seed=100 + n))
                                         for n in range(9)])  # fmt: skip
    names = ["mathvista=AI4Math/MathVista", "mmmu_pro_standard=MMMU/MMMU_Pro", "mmmu_pro_vision=MMMU/MMMU_Pro"]
    out = tmp_path / "out"
    done = call(build, env, "mix", "--input", tmp_path / "in.parquet", "--output", out, "--benchmark", *names)
    assert done.returncode == 0, done.stderr
    against = {
        entry["qid"]: entry["detail"].split(";")[1].split(":")[0].strip()
        for entry in build.entries(out / "mix.parquet")
    }
    assert against == {"2": "mathvista", "6": "mmmu_pro_standard", "7": "mmmu_pro_vision"}
    done = call(
        build, env, "mix", "--input", tmp_path / "in.parquet", "--output", out, "--benchmark", "mmmu=AI4Math/MathVista"
    )
    assert done.returncode == 2 and "the dataset has no file */validation-*.parquet" in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("module", "arguments", "text"),
    [
        ("virl39k", ["--exclude-source", "DeepScalar"], "no row comes from there; the sources are DeepScaleR, K12"),
        ("virl39k", ["--limit", "-3"], "--limit -3: must be at least 1"),
        ("virl39k", ["--model", "x", "--max-prompt-length", "-1"], "--max-prompt-length -1: must be at least 1"),
        ("virl39k", ["--part-rows", "0"], "--part-rows 0: must be at least 1"),
        ("chartqa", ["--input", "HuggingFaceM4/ChartQA", "--workers", "-1"], "--workers -1: must be at least 1"),
        ("geometry3k", ["--input", "hiyouga/geometry3k", "--max-prompt-length", "9"], "needs --model"),
        ("geometry3k", ["--input", "x" * 300], "File name too long"),
        ("geometry3k", ["--input", "nobody/" + "x" * 150], "cannot be fetched from the hub"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(build, virl_folder, tmp_path, module, arguments, text):
    given = arguments if "--input" in arguments else [*arguments, "--input", virl_folder]
    done = build.call(module, *given, "--output", tmp_path / "out")
    assert (done.status, done.err.count("\n")) == (2, 1), done.err
    assert text in done.err and "goes on" not in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("number", "goes_on"),
    [(errno.ENOSPC, True), (errno.EIO, True), (errno.EACCES, False), (errno.ENOTDIR, False), (errno.EROFS, False)],
)
def test_only_a_passing_fault_goes_on(capsys, number, goes_on):
    def work():
        raise OSError(number, os.strerror(number), "out")

    assert supervise(work) == 2
    assert capsys.readouterr().err == f"error: out: {os.strerror(number)}" + (
        "; the same command goes on where it stopped\n" if goes_on else "\n"
    )


def test_an_output_that_is_a_file(build, virl_folder, tmp_path):
    (tmp_path / "out").write_text("mine")
    done = build.call("virl39k", "--input", virl_folder, "--output", tmp_path / "out" / "deep")
    assert done.status == 2 and "Not a directory" in done.err and "goes on" not in done.err


def test_an_interrupted_viewer_does_not_go_on_anywhere(monkeypatch, capsys, converted, tmp_path):
    import data_prep.viewer.sample as viewer

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(viewer, "choose", interrupted)
    assert viewer.main([str(next(converted.glob("*.parquet"))), "--output", str(tmp_path / "a.html")]) == 2
    assert capsys.readouterr().err == "error: interrupted; the same command starts again\n"


def test_without_a_terminal_a_line_now_and_then(capsys):
    now = [0.0]
    with Progress(1000, "rows", "chartqa", done=200, clock=lambda: now[0]) as progress:
        for row in range(201, 601):
            now[0] += 0.25
            progress.to(row)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == int(0.25 * 400 / EVERY_S) == 3
    assert lines[0] == "chartqa: 320 of 1,000 rows (32%), 3 min left"


def test_a_short_run_says_nothing(capsys):
    with Progress(10, "rows") as progress:
        for _ in range(10):
            progress.add()
    assert capsys.readouterr().err == ""
