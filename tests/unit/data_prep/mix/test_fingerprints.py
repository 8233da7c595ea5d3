# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A copy of an image is recognised, another image is not; the same question in two spellings is one question."""

import io
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from data_prep.mix.fingerprints import (
    is_specific,
    jaccard,
    normalise_gold,
    normalise_question,
    print_image,
    shingles,
)
from data_prep.mix.looks import NEAR_LOOK


def diagram(seed: int) -> Image.Image:
    """A line drawing on white with labels, as in Geometry3K."""
    rng = random.Random(seed)
    image = Image.new("RGB", (rng.randint(240, 480), rng.randint(220, 400)), "white")
    draw = ImageDraw.Draw(image)
    points = [(rng.randint(15, image.width - 15), rng.randint(15, image.height - 15)) for _ in range(4)]
    draw.polygon(points, outline="black", width=2)
    for letter, point in zip("ABCD", points, strict=True):
        draw.text(point, f"{letter}{rng.randint(2, 30)}", fill="black")
    return image


def chart(seed: int) -> Image.Image:
    """Bars, as in ChartQA: the same frame, other heights."""
    rng = random.Random(seed)
    image = Image.new("RGB", (600, 400), "white")
    draw = ImageDraw.Draw(image)
    for bar in range(8):
        draw.rectangle([40 + bar * 68, 380 - rng.randint(30, 330), 80 + bar * 68, 380], fill=(40, 100, 180))
    return image


def saved(image: Image.Image, kind="PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def distance(left: bytes, right: bytes) -> int:
    a, b = print_image(left), print_image(right)
    assert a.has_look and b.has_look
    return ((a.look ^ b.look) & a.sure & b.sure).bit_count()


@settings(max_examples=60)
@given(
    draw=st.sampled_from([diagram, chart]),
    seed=st.integers(0, 10**6),
    scale=st.floats(0.5, 2.0),
    quality=st.integers(30, 95),
)
def test_a_recompressed_and_resized_copy_is_near(draw, seed, scale, quality):
    image = draw(seed)
    copy = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    assert distance(saved(image), saved(copy, "JPEG", quality=quality)) <= NEAR_LOOK


@pytest.mark.parametrize("draw", [diagram, chart])
def test_different_images_are_not_near(draw):
    prints = [print_image(saved(draw(seed))) for seed in range(60)]
    for a, b in itertools.combinations(prints, 2):
        assert ((a.look ^ b.look) & a.sure & b.sure).bit_count() > NEAR_LOOK


def test_transparency_is_white():
    opaque = diagram(1)
    drawn = Image.new("RGBA", opaque.size, "black")
    drawn.putalpha(opaque.convert("L").point(lambda grey: 255 - grey))
    assert distance(saved(opaque), saved(drawn)) == 0


@pytest.mark.parametrize(
    "content", [b"", b"<html>", saved(diagram(2))[:-300], saved(Image.new("RGB", (90, 60), "red"))]
)
def test_what_has_no_look_is_compared_by_its_bytes(content):
    found = print_image(content)
    assert not found.has_look and len(found.sha256) == 64


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("<image>Find x.", "Find  $x$ ."),
        ("<image 1>How long is AB?\nChoices:\nA:145°\nB:35°", "<image>How long is AB?\n(A) 35 (B) 145"),
        ("Question: In △ABC, ∠A=30°, AB=5.0", r"in \triangle ABC, \angle A = 30^\circ, AB = 5.0"),
        ("Hint: Please give the letter.\nQuestion: What is m∠1?", "What is m∠1?"),
        ("Ｗｈａｔ　ｉｓ １２?", "what is 12"),
        ("Which one?\nA. 1\nB. 2\nC. 3", "Which one?"),
    ],
)
def test_one_question_in_two_spellings(left, right):
    assert normalise_question(left) == normalise_question(right) != ""


@pytest.mark.parametrize(("left", "right"), [("x-1", "x+1"), ("3.5 cm", "35 cm"), ("AB=5", "AB=6"), ("x<2", "x>2")])
def test_what_makes_another_question_stays(left, right):
    assert normalise_question(left) != normalise_question(right)


def test_a_hint_on_the_line_of_the_question_does_not_take_it_along():
    assert normalise_question("Hint: give the letter. Question: Find x.").endswith("find x")


def test_a_question_that_is_all_options_keeps_its_words():
    assert normalise_question("(A) red (B) blue") != ""


@given(st.text(max_size=200))
def test_normalising_twice_changes_nothing(text):
    once = normalise_question(text)
    assert normalise_question(once) in (once, once.removeprefix("question "))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (("48",), ("48.0",)),
        (("B", ["1", "2"]), ("2",)),
        (("$10 \\sqrt{3}$",), ("10\\sqrt {3}",)),
        (("17^\\circ",), ("17°",)),
        (("a", ["Yes", "No"]), ("yes",)),
        (("AB", ["1", "2", "3"]), ("(B, C)", ["3", "2", "1"])),
    ],
)
def test_one_gold_in_two_spellings(left, right):
    assert normalise_gold(*left) == normalise_gold(*right)


def test_other_golds_stay_apart():
    assert len({normalise_gold(gold) for gold in ("100", "10", "1e2x", "-1", "1", "NaN", "Infinity", "C")}) == 8


@pytest.mark.parametrize("gold", ["1e9999999", "1e-9999999", "-1e9999999", "1e999999", "9" * 200])
def test_a_gold_of_too_many_digits_stays_as_it_is_written(gold):
    assert normalise_gold(gold) == gold


def test_specific_questions():
    assert not is_specific(normalise_question("Find x."))
    assert not is_specific(
        normalise_question("What is the difference between the highest and the lowest bar in the chart?")
    )
    assert is_specific(normalise_question("In triangle ABC the side AB is 5, the side BC is 7; how long is AC?"))


def test_jaccard_by_hand():
    left, right = shingles("a b c d e f"), shingles("a b c d e g")
    assert (len(left), jaccard(left, right)) == (2, 1 / 3)
    assert jaccard(shingles(""), shingles("")) == 0.0
    assert jaccard(shingles("find x"), shingles("find x")) == 1.0
