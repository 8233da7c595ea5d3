# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Both JSON files of Vision-R1-cold as a user converts them, and verl's own SFT dataset on the result."""

import io
import json
import shutil
import signal
import subprocess
import tarfile
import time
import zipfile

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from transformers import AutoProcessor
from verl.utils.dataset.multiturn_sft_dataset import MultiTurnSFTDataset

from data_prep.row.cold import repetition
from data_prep.row.images import CheckedImage
from data_prep.row.lengths import PromptMeter
from data_prep.row.prompts import INSTRUCTION
from data_prep.row.sft_schema import SFT_SCHEMA
from data_prep.sources import json_list
from data_prep.sources.vision_r1_cold import read_conversations

NAMES = [f"vision_r1_cold.{end}" for end in ("manifest.json", "parquet", "report.jsonl", "review.jsonl")]
CIRCLES = "Wait, let me look at the picture again and count all the bars. " * 4
TARGET = "<think>\nThe bars say 3 and 4.\n</think>\n\n<answer>\nFinal Answer:7\n</answer>"


def target(rationale="The bars say 3 and 4.", answer="Final Answer:7") -> str:
    return f"<think>\n{rationale}\n</think>\n\n<answer> {answer} </answer>"


CASES = {
    "plain": (TARGET, None, "7"),
    "no-prefix": (target(answer="B"), None, "B"),
    "bold-prefix": (target(answer="**Final Answer:** $\\frac{1}{2}$"), None, "$\\frac{1}{2}$"),
    "negative": (target(answer="Final Answer: -7"), None, "-7"),
    "no-think": ("<answer>7</answer>", "tags", ""),
    "no-answer": ("<think>7</think>", "tags", ""),
    "two-answers": (target() + "<answer>8</answer>", "tags", ""),
    "two-thinks": ("<think>a</think>" + target(), "tags", ""),
    "nested": ("<think>a<think>b</think></think><answer>7</answer>", "tags", ""),
    "empty-answer": (target(answer=" Final Answer: "), "tags", ""),
    "empty-think": (target(rationale=""), "tags", ""),
    "text-behind": (target() + " I hope it helps.", "tags", ""),
    "circles": (target(rationale=CIRCLES), "repeated_words", ""),
    "chinese": (target(rationale="So the answer 是七, which is 7."), "other_script", ""),
    "tag": (target(rationale="The <image> shows it."), "tag_in_response", ""),
    "special": (target(rationale="So <|im_end|>"), "tag_in_response", ""),
    "long": (target(rationale=" ".join(str(n) for n in range(5000))), "too_long", ""),
    "nowhere": (TARGET, "image_missing", ""),
    "broken": (TARGET, "image_broken", ""),
}
KEPT = [name for name, case in CASES.items() if case[1] is None]


def write_set(folder, build):
    """The two files in their own spellings, and the images in a zip and a tar."""
    folder.mkdir(parents=True)
    first, second, pictures = [], [], {}
    for number, (name, (response, _, _)) in enumerate(CASES.items()):
        image = f"CoT/{name}.jpg"
        if name != "nowhere":
            content = build.picture(140, 120, seed=number, kind="JPEG")
            pictures[image] = content[:-400] if name == "broken" else content
        turns = [("<image>\nHow many?" if number % 2 else "How many?"), response]
        first.append({"id": name, "image": image, "conversations": spoken(("human", "gpt"), turns)})
        second.append({"images": f"mulberry_images/{image}", "conversations": spoken(("user", "assistant"), turns)})
    second.append({"images": "x.png", "conversations": spoken(("user", "assistant", "user"), ["a", "b", "c"])})
    second.append({"images": [], "conversations": spoken(("user", "assistant"), ["a", TARGET])})
    (folder / "vision_r1_llava_cot_full.json").write_text(json.dumps(first, indent=1))
    (folder / "vision_r1_mulberry_sft_full.json").write_text(json.dumps(second, ensure_ascii=False))
    with zipfile.ZipFile(folder / "image.zip", "w") as archive:
        for name, content in pictures.items():
            archive.writestr(name, content)
    with tarfile.open(folder / "mulberry_images.tar", "w") as archive:
        for name, content in pictures.items():
            member = tarfile.TarInfo(f"./mulberry_images/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return folder


def spoken(roles, texts):
    return [{"from": role, "value": text} for role, text in zip(roles, texts, strict=True)]


@pytest.fixture(scope="module")
def cold(build, tmp_path_factory):
    return write_set(tmp_path_factory.mktemp("cold") / "Vision-R1-cold", build)


def arguments(cold):
    return ["vision_r1_cold", "--input", cold, "--images", cold / "image.zip", cold / "mulberry_images.tar"]


@pytest.fixture(scope="module")
def converted_cold(build, cold, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    done = build.call(*arguments(cold), "--output", out)
    assert done.status == 0, done.err
    return out / "vision_r1_cold.parquet", done.out


def test_each_row_is_kept_or_dropped_for_its_reason(build, converted_cold):
    parquet, _ = converted_cold
    assert pq.read_schema(parquet).equals(SFT_SCHEMA)
    rows = {row["extra_info"]["qid"]: row for row in pq.read_table(parquet).to_pylist()}
    second = len(CASES)
    numbers = {name: second + number for number, name in enumerate(CASES)}
    assert set(rows) == {f"llava_cot-{n}" for n in KEPT} | {f"mulberry-{numbers[n]}" for n in KEPT}
    dropped = {e["qid"]: e["reason"] for e in build.entries(parquet) if e["action"] == "dropped"}
    expected = {f"llava_cot-{name}": case[1] for name, case in CASES.items() if case[1]}
    expected |= {f"mulberry-{numbers[name]}": case[1] for name, case in CASES.items() if case[1]}
    expected |= {f"mulberry-{2 * second}": "conversation_shape", f"mulberry-{2 * second + 1}": "image_count"}
    assert dropped == expected
    for name in KEPT:
        user, assistant = rows[f"llava_cot-{name}"]["messages"]
        assert user == {"role": "user", "content": f"<image>How many?\n{INSTRUCTION}"}
        assert assistant["role"] == "assistant" and assistant["content"].endswith(
            f"\n<answer>{CASES[name][2]}</answer>"
        )
        assert "Final Answer" not in assistant["content"]


def test_the_manifest_names_the_licence(build, converted_cold):
    parquet, printed = converted_cold
    record = build.manifest(parquet)
    assert record["licences"]["vision_r1_cold"]["name"] == "CC-BY-NC-SA-4.0"
    assert "NonCommercial" in printed
    assert record["read"] == record["rows"] + sum(record["dropped"].values()) == 2 * len(CASES) + 2
    assert record["counts"]["source"] == {"llava_cot": len(KEPT), "mulberry": len(KEPT)}
    assert record["repaired"]["final_answer_removed"] == 6


def test_images_may_lie_in_folders(build, cold, converted_cold, tmp_path):
    with tarfile.open(cold / "mulberry_images.tar") as archive:
        archive.extractall(tmp_path / "all", filter="data")
    done = build.call("vision_r1_cold", "--input", cold, "--images", tmp_path / "all", "--output", tmp_path / "out")
    assert done.status == 0, done.err
    first, second = (pq.read_table(path) for path in (converted_cold[0], tmp_path / "out" / "vision_r1_cold.parquet"))
    assert first.equals(second)


def sft_dataset(parquet, folder, **settings):
    processor = AutoProcessor.from_pretrained(folder)
    config = OmegaConf.create({"pad_mode": "no_padding", "truncation": "error", "max_length": 4096, **settings})
    return MultiTurnSFTDataset(str(parquet), processor.tokenizer, config, processor), processor


def test_verl_trains_on_the_response_and_on_nothing_else(converted_cold, processor_folder):
    parquet, _ = converted_cold
    dataset, processor = sft_dataset(parquet, processor_folder)
    rows = pq.read_table(parquet).to_pylist()
    meter = PromptMeter(str(processor_folder))
    assert len(dataset) == len(rows) == 2 * len(KEPT)
    for number, row in enumerate(rows):
        item = dataset[number]
        taught = processor.tokenizer.decode(item["input_ids"][item["loss_mask"].bool()])
        user, assistant = (message["content"] for message in row["messages"])
        assert taught.removesuffix("\n").removesuffix("<|im_end|>") == assistant
        assert item["multi_modal_inputs"]["image_grid_thw"].shape == (1, 3)
        image = CheckedImage(row["images"][0]["bytes"], "", 140, 120)
        assert meter.tokens(user, [image], assistant) == len(item["input_ids"])


def test_no_row_is_longer_than_verl_takes(build, cold, converted_cold, processor_folder, tmp_path):
    whole, _ = sft_dataset(converted_cold[0], processor_folder)
    lengths = [len(whole[number]["input_ids"]) for number in range(len(whole))]
    limit = sorted(lengths)[len(lengths) // 2]
    options = ("--model", processor_folder, "--max-length", limit)
    done = build.call(*arguments(cold), *options, "--output", tmp_path)
    assert done.status == 0, done.err
    dataset, _ = sft_dataset(tmp_path / "vision_r1_cold.parquet", processor_folder, max_length=limit)
    assert len([dataset[n] for n in range(len(dataset))]) == sum(length <= limit for length in lengths) < len(lengths)


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(build, cold, converted_cold, tmp_path):
    big = tmp_path / "big"
    shutil.copytree(cold, big)
    file = big / "vision_r1_llava_cot_full.json"
    rows = json.loads(file.read_text())
    file.write_text(json.dumps([rows[0] | {"id": n} for n in range(600)]))
    options = [*arguments(big), "--part-rows", 20, "--output"]
    command = build.command(*options, tmp_path / "broken")
    process = subprocess.Popen(command, cwd=build.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    note = tmp_path / "broken" / ".vision_r1_cold.parts" / "part-00003.json"
    deadline = time.monotonic() + 60
    while not note.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert build.visible(tmp_path / "broken") == []
    again = build.call(*options, tmp_path / "broken")
    assert again.status == 0 and "going on behind row" in again.out
    assert build.call(*options, tmp_path / "whole").status == 0
    for name in NAMES:
        assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert "is up to date" in build.call(*options, tmp_path / "whole").out


def test_the_mixture_command_takes_benchmark_images_out(build, converted_cold, tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.jpg").write_bytes(build.picture(140, 120, seed=0))
    own = ("--benchmark", f"mine={tmp_path / 'pictures'}")
    done = build.call("mix", "--input", converted_cold[0], "--output", tmp_path / "out", *own)
    assert done.status == 0, done.err
    record = build.manifest(tmp_path / "out" / "mix.parquet")
    assert record["dropped"] == {"benchmark_image_look": 2, "duplicate": len(KEPT) - 1}
    assert record["licences"]["vision_r1_cold"]["name"] == "CC-BY-NC-SA-4.0"
    assert "49.3K" not in done.out
    assert pq.read_metadata(tmp_path / "out" / "mix.parquet").num_rows == len(KEPT) - 1


@settings(max_examples=50)
@given(
    rows=st.lists(st.text(st.characters(blacklist_categories=["Cs"]), max_size=60), max_size=20),
    chunk=st.integers(1, 50),
    start=st.integers(0, 5),
    indent=st.sampled_from([None, 1]),
)
def test_any_chunk_size_reads_the_same(tmp_path_factory, rows, chunk, start, indent):
    file = tmp_path_factory.mktemp("json") / "rows.json"
    records = [{"id": 1, "image": "x", "conversations": spoken(("human", "gpt"), [text, "y"])} for text in rows]
    file.write_text(json.dumps(records, indent=indent, ensure_ascii=False), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_list, "CHUNK", chunk)
        found = list(read_conversations([file], start))
    assert [row.turns[0].text for row in found] == rows[start:]


def test_repetition_by_hand():
    ten = "one two three four five six seven eight nine ten "
    assert repetition(ten * 3) == ""
    assert repetition(ten * 4) == ten.strip()
    assert repetition("a b c") == ""


BAD = {
    "no input": (["--input", "nowhere", "--images", "."], "there is no such file or folder"),
    "empty folder": (["--input", "empty", "--images", "."], "no vision_r1_*.json in it"),
    "no images": (["--input", "ok.json", "--images", "nowhere"], "--images nowhere: there is no such file"),
    "no list": (["--input", "dict.json", "--images", "."], "no JSON list"),
    "cut": (["--input", "cut.json", "--images", "."], "damaged after"),
    "other": (["--input", "other.json", "--images", "."], "this is not Vision-R1-cold"),
    "cut tar": (["--input", "ok.json", "--images", "cut.tar"], "download it again"),
    "packed tar": (["--input", "ok.json", "--images", "packed.tar"], "or unpack it"),
    "no zip": (["--input", "ok.json", "--images", "dict.json"], "no complete zip file"),
    "no row": (["--input", "ok.json", "--images", "empty"], "no row of the input can be used (image_missing)"),
    "length": (["--input", "ok.json", "--images", ".", "--max-length", "9"], "--max-length needs --model"),
    "limit": (["--input", "ok.json", "--images", ".", "--limit", "0"], "must be at least 1"),
}


@pytest.fixture(scope="module")
def bad_folder(build, cold, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    (folder / "empty").mkdir()
    turns = spoken(("human", "gpt"), ["How many?", TARGET])
    whole = json.dumps([{"id": 1, "image": "a.jpg", "conversations": turns}])
    (folder / "ok.json").write_text(whole)
    (folder / "cut.json").write_text(whole[:-9])
    (folder / "dict.json").write_text('{"a": 1}')
    (folder / "other.json").write_text('[{"a": 1}]')
    tar = (cold / "mulberry_images.tar").read_bytes()
    (folder / "cut.tar").write_bytes(tar[: len(tar) // 3])
    with tarfile.open(folder / "packed.tar", "w:gz") as archive:
        archive.add(folder / "ok.json", "ok.json")
    return folder


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_line(build, bad_folder, case):
    given_arguments, text = BAD[case]
    paths = [bad_folder / a if not a.startswith("-") and not a.isdigit() else a for a in given_arguments]
    done = build.call("vision_r1_cold", *paths, "--output", bad_folder / "out")
    assert (done.status, done.err.count("\n")) == (2, 1), done.err
    assert text.replace("nowhere:", f"{bad_folder / 'nowhere'}:") in done.err
    assert build.visible(bad_folder / "out") == []
