# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""One conversation of Vision-R1-cold to one SFT row, or the reason why not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from data_prep.file.report import Dropped, Entry, Remark
from data_prep.file.review import Shown
from data_prep.row.characters import LOST
from data_prep.row.examples import Conversation, SourceImage
from data_prep.row.images import CheckedImage, check_image
from data_prep.row.instructions import without_instructions
from data_prep.row.lengths import PromptMeter
from data_prep.row.outcome import Outcome
from data_prep.row.prompts import place_images
from data_prep.row.schema import IMAGE, OTHER_MEDIA, UNKNOWN
from data_prep.row.sft_schema import SFT_SCHEMA
from recipe.care.verifier.extraction import has_format

DATA_SOURCE = "vision_r1_cold"
DROPS: dict[str, str] = {
    "conversation_shape": "not one question and one answer",
    "image_count": "not exactly one image",
    "tags": "not exactly one rationale and then one answer in their tags, both with something in them",
    "repeated_words": "ten words in a row come four times: the writer went in circles",
    "other_script": "Chinese, Japanese or Korean in the response and not in the question",
    "unreadable_characters": "the response contains U+FFFD: a character was lost",
    "tag_in_response": "the response contains <image>, <video>, <audio> or a special token, which verl would read",
    "too_long": "more than --max-length tokens, or --max-characters where no model was given",
}
"""Reasons for leaving a row out, besides those of ``report.DROPS``."""

REPAIRS: dict[str, str] = {
    "instruction_removed": "sentences about the form of the answer, as 'Return the final answer as', were taken out",
    "final_answer_removed": "'Final Answer:' inside the answer was taken off, which the policy would learn to write",
}
"""Reasons for changing one, besides those of ``report.REPAIRS``."""

REPEATED_WORDS = 10
REPEATED_TIMES = 4
_FINAL_ANSWER = re.compile(
    r"(?:[\s*#]*[\s#])?(?P<opening>\**)final\s+answer\s*(?P<closing>\**)\s*[:：](?P<behind>\**(?!\S))?\s*",
    re.IGNORECASE,
)
_PARTS = re.compile(r"\s*<think>(.*?)</think>\s*<answer>(.*?)</answer>\s*", re.DOTALL)
_EAST_ASIAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+")
_SPECIAL = re.compile(r"<\|\w{1,40}\|>")


@dataclass(frozen=True)
class ColdRules:
    """What decides about the rows."""

    image: Callable[[str], bytes | None]
    """Reads an image by its path in the file; None where there is none."""
    meter: PromptMeter | None
    max_length: int
    """Tokens of prompt and response together, with a meter."""
    max_characters: int
    """Characters of prompt and response together, without one."""


@dataclass(frozen=True)
class ColdRow:
    """A row of the SFT file."""

    conversation: Conversation
    prompt: str
    question: str
    response: str
    answer: str
    image: CheckedImage = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes of its image."""
        return len(self.image.content)


def convert(conversation: Conversation, rules: ColdRules) -> Outcome[ColdRow]:
    """Convert a conversation.

    Args:
        conversation: As the file has it.
        rules: What decides about it.

    Returns:
        The SFT row with what was repaired in it, or the reason why it was left out.
    """
    index, qid = conversation.index, conversation.qid
    try:
        row, remarks = _convert(conversation, rules)
    except Dropped as drop:
        entry = Entry("dropped", drop.reason, qid, index, drop.detail)
        return Outcome(index, None, (entry,), _shown(conversation, rules))
    entries = tuple(remark.entry(qid, index) for remark in remarks)
    return Outcome(index, row, entries, _shown(conversation, rules))


def _shown(conversation: Conversation, rules: ColdRules) -> Shown:
    texts = [turn.text for turn in conversation.turns]
    return Shown(
        data_source=DATA_SOURCE,
        source=conversation.origin,
        answer_type="",
        question=texts[0] if texts else "",
        gold="\n\n".join(texts[1:]),
        images=lambda: [rules.image(name) for name in conversation.images],
    )


def _convert(conversation: Conversation, rules: ColdRules) -> tuple[ColdRow, list[Remark]]:
    if conversation.defect:
        raise Dropped("record_unreadable", conversation.defect)
    roles = [turn.role for turn in conversation.turns]
    if roles != ["user", "assistant"]:
        raise Dropped("conversation_shape", ", ".join(roles))
    if len(conversation.images) != 1:
        raise Dropped("image_count", f"{len(conversation.images)} images")
    question, target = (turn.text for turn in conversation.turns)
    readable = question.replace(LOST, "")
    bare = without_instructions(readable)
    placed = place_images(bare, 1)
    if placed is None:
        raise Dropped("more_placeholders_than_images", question)
    if not placed.question:
        raise Dropped("question_empty")
    # That an image had no placeholder is how this dataset is written and no news.
    remarks = [Remark(placed.repair)] if placed.repair not in ("", "placeholder_added") else []
    remarks += [Remark("unreadable_characters_removed")] * (LOST in question)
    remarks += [Remark("instruction_removed", question)] * (bare != readable)
    response, answer, stripped = _response(target, question)
    remarks += [Remark("final_answer_removed")] * stripped
    name = conversation.images[0]
    image = check_image(SourceImage(name, rules.image(name)))
    _check_length(placed.prompt, response, image, rules)
    return ColdRow(conversation, placed.prompt, placed.question, response, answer, image), [*remarks, *image.remarks]


def _response(target: str, question: str) -> tuple[str, str, bool]:
    """The response to teach, the answer in it, and whether 'Final Answer:' was taken off."""
    parts = _PARTS.fullmatch(target)
    if not parts:
        raise Dropped("tags", target[-80:])
    rationale, said = (part.strip() for part in parts.groups())
    answer = without_final_answer(said)
    response = f"<think>{rationale}</think>\n<answer>{answer}</answer>"
    if not has_format(response, prompt_opens_think=False):
        raise Dropped("tags", target[-80:])
    if LOST in response:
        raise Dropped("unreadable_characters", response[max(0, response.index(LOST) - 20) :])
    found = _SPECIAL.search(response) or next((tag for tag in (IMAGE, *OTHER_MEDIA) if tag in response), None)
    if found:
        raise Dropped("tag_in_response", str(found if isinstance(found, str) else found.group()))
    foreign = _EAST_ASIAN.search(response)
    if foreign and not _EAST_ASIAN.search(question):
        raise Dropped("other_script", response[max(0, foreign.start() - 20) : foreign.end() + 20])
    repeated = repetition(response)
    if repeated:
        raise Dropped("repeated_words", repeated)
    return response, answer, answer != said


def without_final_answer(said: str) -> str:
    """An answer without 'Final Answer:', however often that stands before it, and without the end of its bold print."""
    while prefix := _FINAL_ANSWER.match(said):
        said = said[prefix.end() :]
        if prefix["opening"] and not prefix["closing"] and not prefix["behind"]:
            said = _without_closing(said, prefix["opening"])
    return said


def _without_closing(said: str, stars: str) -> str:
    """What follows on opening stars, without those that close them: directly, or at the end."""
    if said.startswith(stars):
        return said[len(stars) :].lstrip()
    inside, _, behind = said.rpartition(stars)
    return said if behind.strip(" .") else f"{inside.rstrip()}{behind}"


def repetition(text: str) -> str:
    """The words that ``text`` says over and over again; empty if there are none."""
    words = [word.casefold() for word in _WORDS.findall(text)]
    grams = Counter(zip(*(words[start:] for start in range(REPEATED_WORDS)), strict=False))
    often = [(count, gram) for gram, count in grams.items() if count >= REPEATED_TIMES]
    return " ".join(max(often)[1]) if often else ""


def _check_length(prompt: str, response: str, image: CheckedImage, rules: ColdRules) -> None:
    if rules.meter:
        tokens = rules.meter.tokens(prompt, [image], response)
        if tokens > rules.max_length:
            raise Dropped("too_long", f"{tokens} tokens")
    elif len(prompt) + len(response) > rules.max_characters:
        raise Dropped("too_long", f"{len(prompt) + len(response)} characters")


def to_sft_table(rows: Sequence[ColdRow]) -> pa.Table:
    """Put rows into a table of ``SFT_SCHEMA``."""
    return pa.Table.from_pylist([_record(row) for row in rows], schema=SFT_SCHEMA)


def _record(row: ColdRow) -> dict[str, object]:
    return {
        "messages": [{"role": "user", "content": row.prompt}, {"role": "assistant", "content": row.response}],
        "images": [{"bytes": row.image.content, "path": None}],
        "data_source": DATA_SOURCE,
        "extra_info": {
            "split": "train",
            "index": row.conversation.index,
            "qid": row.conversation.qid,
            "source": row.conversation.origin,
            "category": "",
            "question": row.question,
            "answer": row.answer,
            "answer_type": "",
            "options": [],
            "tolerance": UNKNOWN,
            "precise_value": UNKNOWN,
            "image_sha256": [row.image.sha256],
            "pass_rate_7b": UNKNOWN,
            "pass_rate_32b": UNKNOWN,
        },
    }
