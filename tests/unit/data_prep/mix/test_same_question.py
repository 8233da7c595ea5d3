# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Which rows of converted files are one question asked twice, from the text that a converter leaves."""

import pytest

from data_prep.file.output import write_rows
from data_prep.mix.input import PrintStore, open_tables
from data_prep.mix.overlap import find_duplicates

STATEMENT = "Is the statement right? (A) The bar for 2010 is tallest (B) The bar for 2012 is tallest"
TRUE = "Which are true?\nA. one is\nB. two is\nC. none is"
SHUFFLED = "Which are true? (A) none is (B) one is (C) two is"
FIGURES = "As figures (a) and (b) show,"
CASES = {
    "unread options": (STATEMENT, "Is the statement right? (A) The line rises (B) The line falls", "A", "A", None),
    "unread, twice": (STATEMENT, STATEMENT.lower(), "A", "A", "duplicate"),
    "unread, other gold": (STATEMENT, STATEMENT, "A", "B", "contradicting_gold"),
    "not in turn": ("Which? (A) red (B) green (D) blue", "Which? (A) one (B) two (D) four", "A", "A", None),
    "figures, not options": (f"{FIGURES} find x.", f"{FIGURES} find y.", "5", "5", None),
    "read options, shuffled": (TRUE, SHUFFLED, "A", "B", "duplicate"),
    "read options, other ones": (TRUE, "Which are true? (A) red (B) green (C) blue", "A", "A", "contradicting_gold"),
    "several letters, shuffled": (TRUE, SHUFFLED, "AB", "B, C", "duplicate"),
    "several letters, other ones": (TRUE, "Which are true? (A) 1 (B) 2 (C) 3", "AB", "AB", "contradicting_gold"),
    "one without options": (TRUE, "Which are true?", "A", "one is", "duplicate"),
}


@pytest.mark.parametrize("has_image", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_one_question_asked_twice(build, tmp_path, case, has_image):
    first, second, gold, other_gold, reason = CASES[case]
    image = build.picture() if has_image else None
    rows = [
        build.make_row("virl39k", "first", image, first, gold),
        build.make_row("virl39k", "second", image, second, other_gold),
    ]
    write_rows(tmp_path / "in.parquet", rows)
    prints = PrintStore(tmp_path / "prints", 1).of_table(*open_tables([tmp_path / "in.parquet"]))
    reason = None if reason == "contradicting_gold" and not has_image else reason
    assert [(f.row, f.reason) for f in find_duplicates(prints, [0, 0], lambda pairs: pairs)] == (
        [(1, reason)] if reason else []
    )
