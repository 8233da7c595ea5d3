# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""The page in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from recipe.replay.records import RepairRecord
from recipe.report.command import main
from tests.unit.report.chromium import Chromium, find_chromium
from tests.unit.report.runs import HOSTILE, rollout, taught_group, whole_run, write_data, write_records

PROGRAM = find_chromium()
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium: set CHROMIUM, or install the package chromium"),
    pytest.mark.xdist_group("chromium"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    run = whole_run(folder / "care", write_data(folder / "train.parquet", 18))
    assert main([str(run), "-o", str(folder / "report.html")]) == 0
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium(PROGRAM) as browser:
        yield browser
        assert browser.errors == [] and browser.requests == []


def texts(browser: Chromium, selector: str) -> list[str]:
    return browser.run(f"[...document.querySelectorAll({selector!r})].map((node) => node.textContent)")


def titles(browser: Chromium) -> list[str]:
    return texts(browser, ".item .title")


def order(browser: Chromium, name: str) -> None:
    browser.run(f"document.getElementById('sort').value = {name!r}")
    browser.run("document.getElementById('sort').dispatchEvent(new Event('change'))")


def test_a_page_opens_with_everything_on_it(browser, page):
    browser.open(page)
    assert texts(browser, "#filters .chip")[:5] == [
        "All18", "Mixed6", "All failed6", "All right6", "Repaired6"
    ]  # fmt: skip
    assert browser.run("document.querySelectorAll('.sign').length") == 4
    assert browser.run("document.querySelectorAll('.sign.seen').length") == 2
    assert browser.run("document.querySelectorAll('.panel').length") == 12
    assert browser.run("document.querySelectorAll('.panel .shade').length") >= 2
    assert browser.run("document.querySelector('.images img').naturalWidth") == 56
    assert browser.run("document.querySelectorAll('.item img').length") > 3


def test_filters_and_orders(browser, page):
    browser.open(page)
    browser.click("#filters .chip:nth-child(3)")
    assert len(titles(browser)) == 6 and all("failed" in title for title in titles(browser))
    assert "rescue anchor" in texts(browser, ".role")
    browser.click("#filters .chip:nth-child(1)")
    order(browser, "early")
    assert titles(browser)[0] == "How many in mixed1?"
    order(browser, "credit")
    assert all("mixed" in title for title in titles(browser)[:6])


def test_a_step_is_chosen_in_a_curve(browser, page):
    browser.open(page)
    browser.click(".panel svg")
    chosen = texts(browser, "#step")[0]
    assert chosen.startswith("step ") and len(titles(browser)) == 3
    browser.press("Escape")
    assert texts(browser, "#filters .chip")[0] == "All18"


def test_keys(browser, page):
    browser.open(page, "#sort=early")
    assert "mixed1" in texts(browser, ".words .text")[0]
    browser.press("j")
    browser.press("ArrowDown")
    assert "right1" in texts(browser, ".words .text")[0]
    browser.press("k")
    assert "failed1" in texts(browser, ".words .text")[0]
    browser.press("ArrowRight")
    browser.press("ArrowRight")
    assert browser.run("[...document.querySelectorAll('.rollout')].findIndex((one) => one.matches('.on'))") == 1
    browser.press("/")
    for letter in "right4":
        browser.press(letter)
    browser.press("Enter")
    browser.wait("document.querySelectorAll('.item').length === 1")
    assert titles(browser) == ["How many in right4?"]
    browser.press("Escape")
    browser.press("2")
    assert len(titles(browser)) == 6
    browser.press("?")
    assert browser.run("document.getElementById('keys').open")


def test_a_group_shows_credit_distance_and_repair(browser, page):
    browser.open(page, "#sort=early")
    assert texts(browser, ".rollout .role") == ["anchor", "repaired", "hard negative", "hard negative", "unused"]
    assert browser.run("document.querySelectorAll('.distances svg svg').length") == 5
    strong, weak = browser.run(
        "['<answer>', 'I count.'].map((text) => [...document.querySelectorAll('.rollout .text span')]"
        ".find((one) => one.textContent.includes(text)).style.backgroundColor)"
    )
    # The strongest credit of the group, and an eightieth of it: 0.1 + 0.52 * sqrt(0.005 / 0.4) = 0.158.
    assert strong == "rgba(var(--up-rgb), 0.620)" and weak == "rgba(var(--up-rgb), 0.158)"
    assert texts(browser, ".gone") == ["lost", "guess", "5"] and texts(browser, ".new") == ["gained", "count", "3"]
    assert "Wait, there is an error above." in texts(browser, ".cue")[0]


def test_rollouts_that_teach_nothing_and_say_the_same_stand_together(browser, page):
    browser.open(page, "#show=right&sort=early")
    assert texts(browser, ".names") == ["#0, #1, #2"] and len(texts(browser, ".rollout")) == 1


def test_two_runs_stand_side_by_side(browser, page, tmp_path):
    data = page.parent / "train.parquet"
    runs = [str(whole_run(tmp_path / name, data)) for name in ("first", "second")]
    assert main([*runs, "-o", str(tmp_path / "both.html")]) == 0
    browser.open(tmp_path / "both.html")
    assert texts(browser, "#filters .chip")[0] == "All18" and len(texts(browser, ".side")) == 2
    assert texts(browser, ".side h3") == ["first", "second"]


def test_hostile_texts_do_nothing(browser, tmp_path):
    repair = RepairRecord("failed", False, HOSTILE, 0.0, HOSTILE, HOSTILE, 0.0, HOSTILE)
    records = [
        rollout("p", place, 0.0, output=HOSTILE, input=HOSTILE, gts=HOSTILE, rule=HOSTILE, role=HOSTILE, repair=repair)
        for place in range(3)
    ]
    folder = tmp_path / "<img src=x onerror=window.hurt=1>"
    write_records(folder, records)
    assert main([str(folder), "-o", str(tmp_path / "page.html")]) == 0
    browser.open(tmp_path / "page.html", "#group=<img src=x onerror=window.hurt=1>&find=<b>")
    browser.press("Escape")
    assert browser.run("window.hurt") is None
    assert browser.run("document.querySelectorAll('script').length") == 2
    assert browser.run("document.querySelectorAll('img, b b').length") == 0
    shown = texts(browser, ".rollout .text")
    assert "</script><script>window.hurt = 1</script><img" in shown[0]
    for number in ("U+202E", "U+202C", "U+0000", "U+001B", "U+2028", "U+D800"):
        assert number in shown[0]
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")


def test_nothing_runs_even_if_a_text_got_into_the_page(page, tmp_path):
    """The policy's own part: with a script and a handler written into the file, neither runs."""
    hurt = "<img src=x onerror='window.hurt = 1'><script>window.hurt = 1</script>"
    changed = tmp_path / "changed.html"
    changed.write_text(page.read_text().replace("<main>", f"<main>{hurt}"))
    with Chromium(PROGRAM) as browser:
        browser.open(changed)
        assert browser.run("window.hurt") is None
        assert any("Content Security Policy" in error for error in browser.errors)


def test_the_list_holds_few_elements_of_many_groups(browser, tmp_path):
    records = [one for number in range(1500) for one in taught_group(f"p{number}", index=number)]
    write_records(tmp_path / "run", records)
    assert main([str(tmp_path / "run"), "-o", str(tmp_path / "page.html")]) == 0
    browser.open(tmp_path / "page.html")
    assert texts(browser, "#filters .chip")[0] == "All1,500"
    assert 5 < browser.run("document.querySelectorAll('.item').length") < 60
    browser.run("document.getElementById('list').scrollTop = 1e9")
    browser.wait("[...document.querySelectorAll('.item .title')].some((one) => one.textContent.includes('p1499'))")


def test_light_dark_and_phone(browser, page):
    browser.open(page, "#theme=dark")
    dark = browser.run("getComputedStyle(document.body).backgroundColor")
    browser.click("#theme")
    assert browser.run("getComputedStyle(document.body).backgroundColor") != dark
    browser.resize(390, 844)
    browser.open(page)
    assert browser.run("document.documentElement.scrollWidth") <= 390
    assert browser.run("getComputedStyle(document.getElementById('detail')).display") == "none"
    browser.run("document.querySelector('.item').click()")
    assert browser.run("document.getElementById('detail').getBoundingClientRect().width") == 390
    browser.click(".back button")
    assert browser.run("getComputedStyle(document.getElementById('detail')).display") == "none"
    browser.resize(1366, 900)
