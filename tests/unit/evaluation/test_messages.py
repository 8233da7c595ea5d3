# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of MMMU and MMMU-Pro stand where the text mentions them."""

import pytest

from recipe.evaluation.messages import user_content
from recipe.evaluation.tiny_sets import ROWS, picture


def layout(doc) -> list[str]:
    """The parts of a message: texts as they are, pictures by their colour."""
    names = {(255, 0, 0): "RED", (0, 128, 0): "GREEN", (0, 0, 255): "BLUE", (0, 0, 0): "BLACK"}
    parts = user_content(doc)
    return [part["text"] if part["type"] == "text" else names[part["url"].getpixel((0, 0))] for part in parts]


def test_several_pictures_in_a_row():
    assert layout(ROWS["mmmu"][0]) == ["RED", "GREEN", "Which is red?\nA. the first\nB. the second"]


def test_shuffled_options_keep_their_own_pictures():
    # Options <image 3>, <image 1>, <image 2>; the row's pictures are red, green, blue.
    assert layout(ROWS["mmmu_pro_standard"][0]) == ["Which picture is blue?\nA.", "BLUE", "B.", "RED", "C.", "GREEN"]


def test_a_picture_mentioned_twice_is_shown_twice_and_no_words_are_lost():
    expected = ["In", "BLACK", "a square is shown. What is the colour of", "BLACK", "?\nA. blue\nB. black"]
    assert layout(ROWS["mmmu"][2]) == expected


def test_an_open_question_has_no_options():
    assert layout({**ROWS["mmmu"][1], "image_1": picture("red")}) == ["What share of", "RED", "is red?"]


def test_a_pictured_question_has_its_ten_options_once():
    picture_part, text = layout({**ROWS["mmmu_pro_vision"][0], "image": picture("blue")})
    assert picture_part == "BLUE"
    assert text.startswith("A. the number 1\nB. the number 2\n") and text.count("the number 1\n") == 1
    assert text.endswith("J. the number 10\n\nAnswer the question in the image.")


def test_a_picture_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="validation_Art_1: the text mentions image_2"):
        user_content({**ROWS["mmmu"][0], "image_2": None})


def test_options_that_are_no_list_are_an_error():
    with pytest.raises(ValueError, match="validation_Art_1: options='7' is not a list"):
        user_content({**ROWS["mmmu"][0], "options": "7"})
