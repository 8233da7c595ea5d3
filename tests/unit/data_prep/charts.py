# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""ChartQA in its two schemas, the original release's folders and the hub's parquet, with its quirks and defects."""

import json
from pathlib import Path

import pyarrow as pa

from tests.unit.data_prep.builders import IMAGES, Case, picture


def chart(label, query="How high is the bar?", half="human", image=None) -> dict:
    return {"label": label, "query": query, "half": half, "image": image or picture(120, 90, seed=5)}


RATIO = "What is the ratio between the bars 28 and 19?"
CHART_CASES = [
    Case(chart("14"), True, gold="14", answer_type="number"),
    Case(chart("0.39", "What share is the blue bar?"), True, gold="0.39", answer_type="number"),
    Case(chart("59%"), True, gold="59%", answer_type="number"),
    Case(chart("0"), True, gold="0", answer_type="number"),
    Case(chart("[63, 26]"), True, gold="[63, 26]", answer_type="text"),
    Case(chart("[Mauritius, Chad]", "Which two?"), True, gold="[Mauritius, Chad]", answer_type="text"),
    Case(chart("May '21", "When?"), True, gold="May '21", answer_type="text"),
    Case(chart("Democrat (scores 60 to 100)", "Which group?"), True, gold="Democrat (scores 60 to 100)"),
    Case(chart(" Yes ", "Is it rising? "), True, gold="Yes", answer_type="text"),
    Case(chart("2010", "In which year was it highest?"), True, gold="2010", answer_type="number"),
    Case(chart("None", "Which of them is red?"), True, gold="None", answer_type="text"),
    Case(chart("40000", "How many people lived there when it was built?"), True, gold="40000"),
    Case(chart("1.625", "What is the ratio of A to B?"), True, gold="1.625", answer_type="number"),
    Case(chart("512.3", "What was\ufffd the revenue?"), True, "unreadable_characters_removed", gold="512.3"),
    Case(chart("1.634722222", "How do they compare?"), False, "ratio_as_time"),
    Case(chart("1.179861111", RATIO), False, "ratio_as_time"),
    Case(chart("1.684722222"), False, "ratio_as_time"),
    Case(chart("1.051388889"), False, "ratio_as_time"),
    Case(chart("1.216666667", "What is the ratio between 29 and 12?"), False, "ratio_as_time"),
    Case(chart("1.216666667", "What is the ratio between them?"), True, "may_be_ratio_as_time", gold="1.216666667"),
    Case(chart("1.53125", RATIO), True, gold="1.53125", answer_type="number"),
    Case(chart("0.9375", "What is the ratio of A to B?"), True, gold="0.9375", answer_type="number"),
    Case(chart("44362", "When does the good rating reach the peak?"), False, "date_as_number"),
    Case(chart(""), False, "gold_empty"),
    Case(chart("5", image=picture(40 * 201, 40)), False, "image_too_long"),
    Case(chart("45", "What is Turkey's value?", "machine"), True, gold="45", answer_type="number"),
    Case(chart("Korea", "Which country has 45?", "machine"), True, gold="Korea", answer_type="text"),
]


def chart_table(cases: list[Case]) -> pa.Table:
    """The hub's parquet; the last row has two labels, which the original cannot have."""
    rows = [
        {
            "image": {"bytes": case.row["image"], "path": None},
            "query": case.row["query"],
            "label": [case.row["label"]],
            "human_or_machine": int(case.row["half"] == "machine"),
        }
        for case in cases
    ]
    rows.append(rows[0] | {"label": ["14", "15"]})
    columns = [("image", IMAGES.value_type), ("query", pa.string()), ("label", pa.list_(pa.string()))]
    return pa.Table.from_pylist(rows, pa.schema([*columns, ("human_or_machine", pa.int64())]))


def write_charts(folder: Path, split="train") -> Path:
    """The original release, unpacked."""
    place = folder / "ChartQA Dataset" / split
    (place / "png").mkdir(parents=True)
    for half, name in (("human", "human"), ("machine", "augmented")):
        questions = []
        for number, case in enumerate(CHART_CASES):
            if case.row["half"] == half:
                (place / "png" / f"{number}.png").write_bytes(case.row["image"])
                query, label = case.row["query"], case.row["label"]
                questions.append({"imgname": f"{number}.png", "query": query, "label": label})
        (place / f"{split}_{name}.json").write_text(json.dumps(questions))
    return folder
