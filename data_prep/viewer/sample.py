# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A page with random rows of training files, for a person to look at: ``python -m data_prep.viewer --help``."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_prep.errors import InputError
from data_prep.file.command import check_numbers, supervise
from data_prep.file.output import write_text
from data_prep.file.review import Exhibit, read_exhibits, review_path, thumbnail
from data_prep.row.lengths import PromptMeter
from data_prep.row.schema import IMAGE
from data_prep.viewer.page import Card, page
from recipe.care.errors import CareConfigError
from recipe.care.reward import check_sources, compute_score

DESCRIPTION = """\
Write one HTML page with random rows of each data source: the images, the prompt as the model sees it, the gold, the
rule by which the verifier judges the gold as an answer to itself, and what else is known of the row. The page needs no
other file and no network. RL files and SFT files are shown alike; verl's own files too, if their images are embedded.
Behind them come, from the .review.jsonl beside each file, rows that were dropped, changed or suspected, each with the
row or benchmark item it was taken for, side by side. Filter by reason, source and answer type.
"""
EXAMPLES = """\
examples:
  # 24 rows of each source, with the chat template of the model that is going to be trained
  care view data/mix/mix.parquet --output sheet.html --model Qwen/Qwen2.5-VL-7B-Instruct

  # another sample, of two files
  care view data/chartqa_train_human.parquet data/virl39k_train.parquet --seed 2 --output sheet.html
"""
_NEEDED = ("data_source", "images", "extra_info")


@dataclass(frozen=True)
class Pick:
    """A row to show."""

    path: Path
    group: int
    """Row group."""
    row: int
    """Position in the row group."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="care view",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="parquet files for training")
    add("--output", required=True, metavar="HTML", help="the page to write; an existing one is replaced")
    add("--rows", type=int, default=24, metavar="N", help="rows of each data source (24)")
    add("--seed", type=int, default=0, metavar="N", help="another seed, other rows (0)")
    add("--model", help="hub id or folder: show prompts with its chat template")
    options = parser.parse_args(arguments)
    return supervise(lambda: _run(options), "the same command starts again")


def _run(options: argparse.Namespace) -> str:
    output = Path(options.output).expanduser()
    check_numbers(options)
    if output.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--output {output}: must be an .html file")
    meter = PromptMeter(options.model) if options.model else None
    paths = [Path(file).expanduser() for file in options.files]
    picks, totals = choose(paths, options.rows, options.seed)
    cards = sorted(show(picks, meter), key=lambda card: card.data_source)
    output.parent.mkdir(parents=True, exist_ok=True)
    exhibits = [exhibit for path in paths for exhibit in _exhibits(path)]
    write_text(output, page(cards, exhibits, totals, [path.name for path in paths], _name_of(options.model or "")))
    shown = ", ".join(f"{total:,} {source}" for source, total in sorted(totals.items()))
    shown += f", {len(exhibits)} rows that were dropped, changed or suspected" if exhibits else ""
    return f"{len(cards)} rows of {shown}: {output} ({output.stat().st_size / 2**20:.1f} MiB)"


def _exhibits(parquet: Path) -> list[Exhibit]:
    """What the file's command has put aside to be looked at."""
    path = review_path(parquet)
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8") as lines:
            return list(read_exhibits(lines))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: damaged ({error}); delete it, or make {parquet.name} again") from error


def _name_of(model: str) -> str:
    """A hub id as it is; of a folder only the name."""
    return Path(model).name if Path(model).exists() else model


def choose(paths: Sequence[Path], rows: int, seed: int) -> tuple[list[Pick], dict[str, int]]:
    """Choose the rows to show, without reading an image.

    Args:
        paths: The files.
        rows: How many of each data source.
        seed: Decides which.

    Returns:
        The rows in the order of the files, and how many there are of each data source.

    Raises:
        InputError: A file cannot be shown.
    """
    by_source: dict[str, list[tuple[bytes, int, Pick]]] = defaultdict(list)
    number = 0
    for path in paths:
        with _open(path) as file:
            for group in range(file.num_row_groups):
                column = file.read_row_group(group, columns=["data_source"]).column("data_source").to_pylist()
                for row, source in enumerate(column):
                    rank = hashlib.sha256(f"{seed}/{number}".encode()).digest()
                    by_source[source].append((rank, number, Pick(path, group, row)))
                    number += 1
    if not number:
        raise InputError(f"{', '.join(map(str, paths))}: no rows")
    chosen = [entry[1:] for entries in by_source.values() for entry in sorted(entries, key=lambda e: e[:2])[:rows]]
    return [pick for _, pick in sorted(chosen, key=lambda c: c[0])], {s: len(e) for s, e in by_source.items()}


def show(picks: Sequence[Pick], meter: PromptMeter | None) -> Iterator[Card]:
    """Read the chosen rows, one row group in memory at a time."""
    by_group: dict[tuple[Path, int], list[int]] = defaultdict(list)
    for pick in picks:
        by_group[pick.path, pick.group].append(pick.row)
    for (path, group), rows in by_group.items():
        with _open(path) as file:
            for record in file.read_row_group(group).take(pa.array(rows)).to_pylist():
                yield _card(record, meter)


def _open(path: Path) -> pq.ParquetFile:
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise InputError(f"{path}: no complete parquet file; make it again") from error
    missing = [name for name in _NEEDED if name not in file.schema_arrow.names]
    if missing or not {"prompt", "messages"} & set(file.schema_arrow.names):
        wanted = ", ".join(missing) or "prompt or messages"
        raise InputError(f"{path}: no column {wanted}; give a training file, not a dataset")
    return file


def _card(record: dict, meter: PromptMeter | None) -> Card:
    messages = record.get("prompt") or record["messages"]
    extra = record["extra_info"]
    prompt = "\n\n".join(message["content"] for message in messages if message["role"] != "assistant")
    gold = (record.get("reward_model") or {}).get("ground_truth", extra.get("answer") or "")
    rule, accepted = _verdict(record["data_source"], gold, extra) if "reward_model" in record else ("", True)
    known = ("source", "category", "split", "index", "answer_type", "tolerance", "precise_value")
    facts = {name: str(extra[name]) for name in (*known, "pass_rate_7b", "pass_rate_32b") if _tells(extra.get(name))}
    return Card(
        data_source=record["data_source"],
        qid=str(extra.get("qid") or extra.get("index")),
        images=tuple(thumbnail(image["bytes"]) for image in record["images"]),
        prompt=meter.render(prompt) if meter else prompt,
        placeholder=IMAGE if meter is None else "",
        response="\n\n".join(message["content"] for message in messages if message["role"] == "assistant"),
        gold=gold,
        raw_gold=str(extra.get("answer") or ""),
        options=tuple(extra.get("options") or ()),
        rule=rule,
        accepted=accepted,
        facts=facts,
    )


def _verdict(data_source: str, gold: str, extra: Mapping[str, object]) -> tuple[str, bool]:
    """The rule by which the gold is judged as an answer to itself, and whether it is accepted."""
    try:
        check_sources([data_source])
    except CareConfigError:
        return "no verifier for this data source", False
    score = compute_score(data_source, f"<think>x</think><answer>{gold}</answer>", gold, extra)
    return score["rule"], score["acc"] == 1.0 and score["verified"] == 1.0


def _tells(value: object) -> bool:
    """Whether a value says anything: the schema writes -1 and the empty string for what is unknown."""
    return value not in (None, "", -1.0)


if __name__ == "__main__":
    sys.exit(main())
