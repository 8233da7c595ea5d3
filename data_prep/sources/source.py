# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The record that the file of a dataset ends in, and the command that follows from it.

A dataset of your own is one such file. ``docs/data.md`` shows a whole one.
"""

from __future__ import annotations

import argparse
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from data_prep.file.command import PART_ROWS, add_run_options, execute
from data_prep.file.job import Form, Job
from data_prep.file.manifest import Licence, versions
from data_prep.file.report import REASONS
from data_prep.row.convert import Rules, convert
from data_prep.row.examples import Example, Read, Reader
from data_prep.row.gold import Gold
from data_prep.row.lengths import PACKAGES, PromptMeter
from data_prep.row.outcome import Kept
from data_prep.row.schema import SCHEMA, Row, to_table
from data_prep.sources.locate import locate
from recipe.care.reward import check_sources

MAX_PROMPT_LENGTH = 2048
RL_FORM = Form(SCHEMA, to_table, REASONS)
_NOT_RECORDED = ("input", "output", "images", "workers", "resume", "model")
"""Options that do not change the output, or whose content the manifest tells otherwise."""


@dataclass(frozen=True, kw_only=True)
class Source(ABC, Generic[Read, Kept]):
    """A dataset."""

    name: str
    """What its files are called."""
    licence: Licence
    description: str
    """For ``--help``: what is read, written and left out."""
    hub_id: str = ""
    """Its id on the hub; empty where it lies on the disk only."""
    hub_files: tuple[str, ...] = ()
    """Patterns of the files there that are needed."""
    splits: tuple[str, ...] = ("train",)
    """The first is the default."""
    command: str = ""
    """Its name under ``care``; empty where it has none."""
    examples: str = ""
    """Command lines to copy."""

    @abstractmethod
    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the options of its command."""

    @abstractmethod
    def job(self, options: argparse.Namespace) -> Job[Read, Kept]:
        """The conversion that a command line asks for.

        Raises:
            InputError: The input or an option cannot be used.
        """

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Run its command; returns the exit status."""
        parser = argparse.ArgumentParser(
            prog=f"care {self.command}" if self.command else None,
            description=self.description,
            epilog=f"examples:\n{self.examples}" if self.examples else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.add_options(parser)
        return execute(parser.parse_args(arguments), self.job)


@dataclass(frozen=True, kw_only=True)
class RLSource(Source[Example, Row]):
    """A dataset of questions with golds, for reinforcement learning: ``NAME_SPLIT.parquet``."""

    reader: Callable[[Path, argparse.Namespace], Reader[Example]]
    """Opens the input: where it lies, and the command line, which says the split."""
    gold: Callable[[Example, str], Gold]
    """Reads the gold of a row; its second argument is the question."""
    data_source: str = ""
    """As the verifier knows it: ``maths/mybook``. Its name, where that is one that the verifier knows."""
    suffix: str = ""
    """What the output's name says behind the split."""
    drop_text_only: bool = False
    excluded_sources: frozenset[str] = frozenset()
    input_help: str = "what to read"
    own_options: Callable[[argparse.ArgumentParser, RLSource], None] | None = None
    """Adds the options that say what to read, where they are more than ``--input`` and ``--split``."""
    chosen: Callable[[RLSource, argparse.Namespace], RLSource] | None = None
    """The record as these options change it."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add what every converter has, and what to read."""
        add = parser.add_argument
        add("--output", required=True, metavar="DIR", help="folder for the files; it is created")
        add("--model", help="hub id or folder of the model to train: measure every prompt with its processor")
        text = f"with --model: leave out prompts of more tokens; data.max_prompt_length ({MAX_PROMPT_LENGTH})"
        add("--max-prompt-length", type=int, metavar="N", help=text)
        text = f"rows after which an interrupted run can go on ({PART_ROWS}), and most rows of a row group"
        add_run_options(parser, text)
        (self.own_options or add_input_and_split)(parser, self)

    def job(self, options: argparse.Namespace) -> Job[Example, Row]:
        """The conversion that a command line asks for."""
        source = self.chosen(self, options) if self.chosen else self
        data_source = source.data_source or source.name
        check_sources([data_source])
        where = locate(options.input, source.hub_files) if source.hub_id else Path(options.input).expanduser()
        reader = source.reader(where, options)
        meter = PromptMeter(options.model) if options.model else None
        longest = MAX_PROMPT_LENGTH if options.max_prompt_length is None else options.max_prompt_length
        rules = Rules(
            data_source,
            options.split,
            source.gold,
            meter,
            longest,
            source.drop_text_only,
            source.excluded_sources,
        )
        recorded = {key: value for key, value in sorted(vars(options).items()) if key not in _NOT_RECORDED}
        if meter:
            recorded |= {"model": Path(options.model).name, "processor": meter.identity}
            recorded |= {"patch_size": meter.patch_size, "max_prompt_length": longest}
        unmeasured = "prompt lengths were not measured; give --model, or let verl filter"
        name = "_".join(filter(None, (source.name, options.split, source.suffix)))
        return Job(
            reader=reader,
            convert=functools.partial(convert, rules=rules),
            form=RL_FORM,
            data_source=data_source,
            licence=source.licence,
            parquet=Path(options.output).expanduser() / f"{name}.parquet",
            options=recorded,
            versions=versions(PACKAGES if meter else ()),
            limit=options.limit,
            workers=options.workers,
            part_rows=options.part_rows,
            resume=options.resume,
            notes=() if meter else (unmeasured,),
        )


def add_input_and_split(parser: argparse.ArgumentParser, source: RLSource) -> None:
    """Add ``--input``, the dataset on the hub by default, and ``--split``."""
    given = {"default": source.hub_id} if source.hub_id else {"required": True}
    text = f"{source.input_help} ({source.hub_id})" if source.hub_id else source.input_help
    parser.add_argument("--input", metavar="PATH|ID" if source.hub_id else "PATH", help=text, **given)
    default = source.splits[0]
    parser.add_argument("--split", choices=source.splits, default=default, help=f"({default})")
