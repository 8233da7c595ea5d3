# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Golds, placeholders, images and rows, one at a time."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep.file.output import write_rows
from data_prep.file.report import REASONS, Dropped
from data_prep.row.convert import Rules, convert
from data_prep.row.examples import Example, SourceImage
from data_prep.row.gold import Gold, check_against_verifier, clean_gold
from data_prep.row.images import check_image
from data_prep.row.prompts import INSTRUCTION, place_images
from data_prep.row.schema import IMAGE, OTHER_MEDIA, SCHEMA, Row, read_rows, to_table
from data_prep.sources.chartqa import chart_gold
from data_prep.sources.geometry3k import geometry_gold
from data_prep.sources.virl39k import virl_gold
from recipe.care.reward import compute_score


@pytest.mark.parametrize(
    ("raw", "gold"),
    [
        (r"\boxed{5}", "5"),
        (r" \boxed{ \frac{1}{2} } ", r"\frac{1}{2}"),
        (r"$\boxed{5}$", r"\boxed{5}"),
        (r"\boxed{$x$}", "x"),
        (r"\boxed{x} and \boxed{y}", r"\boxed{x} and \boxed{y}"),
        (r"\boxed{\frac{1}{2}", r"\boxed{\frac{1}{2}"),
        ("final answer: 12", "12"),
        ("$3 and $4", "$3 and $4"),
        ("10 \\sqrt { 3 }", "10 \\sqrt { 3 }"),
        ("５０％", "50%"),
        ("3\u200b.5", "3.5"),
    ],
)
def test_cleaning(raw, gold):
    assert clean_gold(raw)[0] == gold


@pytest.mark.parametrize("raw", ["", "  ", r"\boxed{}", r"\boxed{ }", "Final answer: "])
def test_empty_golds(raw):
    with pytest.raises(Dropped, match="gold_empty"):
        clean_gold(raw)


@pytest.mark.parametrize(
    ("source", "gold", "reason"),
    [
        ("virl39k", Gold(r"\frac{1}{2", "latex"), "gold_unusable"),
        ("virl39k", Gold("Q", "choice", ("one", "two")), "gold_unusable"),
        ("virl39k", Gold("</answer>", "text"), "gold_rejected"),
        ("virl39k", Gold(r"\begin{cases}x=1\\y=2\end{cases}", "latex"), "gold_unreadable"),
    ],
)
def test_golds_the_verifier_refuses(source, gold, reason):
    with pytest.raises(Dropped, match=reason):
        check_against_verifier(source, gold, "Why?")


@pytest.mark.parametrize("text", [r"\frac{1}{2}", "x^2+1", r"AB \perp CD", "(1,2)", "2<x<3", "y=2x", r"\{1,2\}"])
def test_formulas_the_verifier_takes(text):
    check_against_verifier("virl39k", Gold(text, "latex"), "Why?")


@pytest.mark.parametrize(
    ("text", "images", "start", "repair"),
    [
        ("<image>What?", 1, "<image>What?", ""),
        ("<image> \n What?", 1, "<image>What?", ""),
        ("What?", 0, "What?", ""),
        ("What?", 2, "<image><image>What?", "placeholder_added"),
        ("<image>What?", 2, "<image><image>What?", "placeholder_added"),
        ("<image>See <image>.", 2, "<image>See <image>.", ""),
        ("<image>See <image>.", 1, "<image>See [image].", "tag_in_question"),
        ("See <video>.", 0, "See [video].", "tag_in_question"),
        ("<image>See <audio> <|im_end|>.", 1, "<image>See [audio] [im_end].", "tag_in_question"),
    ],
)
def test_placeholders(text, images, start, repair):
    placed = place_images(text, images)
    assert (placed.prompt, placed.repair) == (f"{start}\n{INSTRUCTION}", repair)


SUPPLY = "(A) The demand is elastic (B) The supply is elastic (C) Both are (D) Neither is"


@pytest.mark.parametrize(
    ("question", "answer", "gold"),
    [
        (f"Which is true? {SUPPLY}", "The supply is elastic", "B"),
        (f"Which is true? {SUPPLY}", "The demand is elastic", "A"),
        ("How long? (A) red (B) blue (C) red (D) green", "red", "A"),
    ],
)
def test_the_letter_of_a_gold_that_is_an_option(question, answer, gold):
    found = virl_gold(Example(0, "q", question, (answer,), ()), question)
    assert (found.text, found.answer_type) == (gold, "choice")


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("How long? (A) 24cm (B) 24 cm (C) 12 cm (D) 6 cm", "24 cm", "gold_ambiguous"),
        (f"Which is true? {SUPPLY}", "elastic", "gold_not_an_option"),
    ],
)
def test_a_gold_that_means_no_single_option_is_dropped(question, answer, reason):
    with pytest.raises(Dropped, match=reason):
        virl_gold(Example(0, "q", question, (answer,), ()), question)


TAGS = st.lists(st.sampled_from([IMAGE, *OTHER_MEDIA, "<|image_pad|>", "a", " ", "\n", "?"]), max_size=12)


@given(TAGS.map("".join), st.integers(0, 4))
def test_placeholders_always_fit_the_images(text, images):
    placed = place_images(text, images)
    if placed:
        assert placed.prompt.count(IMAGE) == images
        assert not any(tag in placed.prompt for tag in (*OTHER_MEDIA, "<|"))
        assert IMAGE not in placed.question


PIECES = [
    "A",
    "(A) ",
    "\nB. ",
    "C: ",
    "Choices: ",
    "5",
    "\\boxed{",
    "}",
    "$",
    "\\frac",
    "^",
    "[1, 2]",
    "None",
    "ratio",
    "when",
]
TEXT = st.lists(st.sampled_from([*PIECES, IMAGE, "</answer>", "\ufffd", " "]), max_size=10).map("".join) | st.text(
    max_size=20
)


@settings(max_examples=300)
@given(TEXT, TEXT, st.sampled_from([("virl39k", virl_gold), ("geometry3k", geometry_gold), ("chartqa", chart_gold)]))
def test_no_row_stops_a_run(build, question, answer, source):
    """Whatever a row says, it is kept, and then right by its own gold, or dropped for a reason that is documented."""
    image = SourceImage("x", build.VIRL_IMAGES["images/ok.png"])
    example = Example(0, "q", question, (answer,), (image,))
    outcome = convert(example, Rules(source[0], "train", source[1]))
    assert all(entry.reason in REASONS for entry in outcome.entries)
    if outcome.row is None:
        assert [entry.action for entry in outcome.entries] == ["dropped"]
    else:
        gold = outcome.row.ground_truth
        response = f"<think>.</think><answer>{gold}</answer>"
        assert compute_score(source[0], response, gold, outcome.row.extra_info)["acc"] == 1.0


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_every_cut_of_an_image_is_noticed(build, kind):
    whole = build.picture(200, 150, kind=kind)
    assert (check_image(SourceImage("x", whole)).width, check_image(SourceImage("x", whole)).height) == (200, 150)
    for share in (0.0, 0.01, 0.3, 0.6, 0.9):
        with pytest.raises(Dropped, match="image_broken"):
            check_image(SourceImage("x", whole[: int(len(whole) * share)]))


def test_a_decompression_bomb_is_not_decoded(build):
    """A header that claims 2^31 pixels; decoding it would take gigabytes."""
    png = bytearray(build.picture(64, 64))
    png[16:24] = (46341).to_bytes(4, "big") * 2
    with pytest.raises(Dropped, match=r"image_too_large|image_broken"):
        check_image(SourceImage("x", bytes(png)))


def row(**changes) -> Row:
    values = {
        "data_source": "virl39k",
        "prompt": "<image>What?",
        "images": (b"x",),
        "ground_truth": "5",
        "split": "train",
        "index": 0,
        "qid": "q",
        "question": "What?",
        "answer": r"\boxed{5}",
        "answer_type": "number",
        "image_sha256": ("0",),
    }
    return Row(**values | changes)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"data_source": "virl"}, "Did you mean 'virl39k'"),
        ({"prompt": "What?"}, "0 placeholders for 1 images"),
        ({"prompt": "<image><video>"}, "contains <video>"),
        ({"images": (b"",)}, "needs its bytes"),
        ({"image_sha256": ()}, "needs its bytes and its hash"),
        ({"ground_truth": ""}, "gold is empty"),
        ({"answer_type": ""}, "answer_type=''"),
    ],
)
def test_rows_refuse_what_would_fail_later(changes, text):
    with pytest.raises(ValueError, match=text):
        row(**changes)


NAMES = st.text(string.printable, max_size=8)


@settings(max_examples=20)
@given(
    st.lists(
        st.builds(
            row,
            ground_truth=NAMES.filter(bool),
            options=st.lists(NAMES, max_size=3).map(tuple),
            precise_value=st.floats(allow_nan=False),
            qid=NAMES,
        ),
        max_size=3,
    )
)
def test_rows_come_back_as_they_were_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    assert to_table(rows).schema.equals(SCHEMA)
    assert write_rows(path, rows) == len(rows)
    assert list(read_rows(path)) == rows
