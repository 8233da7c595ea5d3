# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Chinese answers: phrases, units and labels in our spelling."""

from __future__ import annotations

import re

PHRASE = (
    r"(?:(?:所以|因此|故|则|即|综上)[, ]*)?"
    r"(?:(?:正确|最终|最后)?(?:的)?(?:答案|结果)(?:应该?)?(?:是|为|:|=|选)+:?"
    r"|选项:?|(?:故|应|本题)*选择?:?|故填:?|(?:所以|因此|故)[, ]*)\s*"
)
"""What stands before an answer. NFKC has made the colons and commas ASCII by then."""
CHOICE_TAIL = re.compile(r"(?<=[A-Za-z)])\s*(?:选项|项)$")
_UNITS = {
    "千米/时": "km/h", "千米/小时": "km/h", "千米每小时": "km/h", "公里/小时": "km/h", "米/秒": "m/s", "米每秒": "m/s",
    "平方毫米": "mm^2", "平方厘米": "cm^2", "平方分米": "dm^2", "平方米": "m^2", "平方千米": "km^2", "平方公里": "km^2",
    "立方毫米": "mm^3", "立方厘米": "cm^3", "立方分米": "dm^3", "立方米": "m^3", "公顷": "ha",
    "毫米": "mm", "厘米": "cm", "分米": "dm", "千米": "km", "公里": "km", "米": "m",
    "毫克": "mg", "千克": "kg", "公斤": "kg", "克": "g", "吨": "t", "毫升": "ml", "升": "l",
    "秒钟": "s", "秒": "s", "分钟": "min", "小时": "h", "天": "day", "周": "week",
    "个月": "month", "年": "year", "岁": "year",
    "摄氏度": "°C", "度": "°", "元": "dollar", "牛顿": "N", "牛": "N", "焦耳": "J", "焦": "J", "瓦": "W", "伏": "V",
    "安培": "A", "安": "A", "欧姆": "Ω", "欧": "Ω", "帕": "Pa",
    "个单位": "units", "平方单位": "units", "单位": "units", "个": "units", "人": "people", "次": "times",
    "只": "units", "件": "units", "条": "units", "本": "units", "张": "units", "种": "units", "名": "people",
    "辆": "units", "棵": "units", "块": "units", "支": "units", "颗": "units", "份": "units", "位": "people",
}  # fmt: skip
_MAGNITUDES = {"万亿": "trillion", "亿": "*10^8", "万": "*10^4"}
_UNIT = re.compile(
    r"(?<=[0-9}\])°$A-Za-z])\s*(" + "|".join(sorted((*_MAGNITUDES, *_UNITS), key=len, reverse=True)) + r")(?![一-鿿])"
)


def spell_chinese(text: str) -> str:
    """Spell Chinese units behind a number as their ASCII names; a text without Chinese stays as it is.

    Args:
        text: A cleaned text.

    Returns:
        The text with ``12厘米`` as ``12 cm``.
    """
    if text.isascii():
        return text
    return (
        _UNIT.sub(lambda unit: " " + (_UNITS | _MAGNITUDES)[unit[1]], text).replace("且", " and ").replace("或", " or ")
    )
