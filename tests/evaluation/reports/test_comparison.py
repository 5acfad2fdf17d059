"""The report on a comparison: what it says for every outcome, and its picture."""

import io
import re
import shutil
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from evaluation.reports.blocks import Document, Listing, Scatter, Spot
from evaluation.reports.comparison import comparison_brief, comparison_document
from evaluation.reports.comparison_picture import picture
from evaluation.reports.html import to_html
from evaluation.reports.markdown import to_markdown
from evaluation.reports.scatter import alone, scatter_svg, ticks
from evaluation.reports.terminal import to_terminal
from evaluation.types import Verdict


def value(at: float | None, wide: float = 0.02, problem: str | None = None) -> dict[str, Any]:
    low, high = (None, None) if at is None else (at - wide, at + wide)
    return {
        "value": at,
        "low": low,
        "high": high,
        "n": 60,
        "confidence": 0.95,
        "method": "t",
        "problem": problem,
        "unit": "case",
    }


def candidate(
    name: str, place: str, at: float | None, cost: float | None = 1.0, **others: Any
) -> dict[str, Any]:
    return {
        "name": name,
        "patch": {"prompt": f"{name}.txt", "sampling": {"temperature": 0.7}},
        "yaml": f"generate:\n  prompt: {name}.txt\n",
        "place": place,
        "estimate": value(at, problem=None if at is not None else "no answer for 3 of 60 rows"),
        "against": None,
        "difference": None,
        "needed": None,
        "shown": {"latency_p50_ms": value(None if at is None else 100.0), "mae": value(cost)},
        "on_front": place == "best",
    } | others


BEATEN = candidate("plain", "beaten", 0.2, against="facts", difference=value(-0.2))
GONE = candidate("lost", "not compared", None, None)


def record(*candidates: dict[str, Any], best: str | None = None, **others: Any) -> dict[str, Any]:
    return {
        "id": "20260101-000000-00000000",
        "created_at": "2026-01-01T00:00:00+00:00",
        "model": "shop",
        "commit": None,
        "dirty": False,
        "source": "ab",
        "seed": 0,
        "by": {"metric": "r2", "direction": "higher", "error": 0.05, "level": 0.025},
        "cases": {"path": "train.csv", "sha256": "cd", "cases": 60, "repeats": 1, "unit": "case"},
        "best": best,
        "open": [one["name"] for one in candidates if one["place"] == "may be best"],
        "needed": None,
        "axes": ["r2", "mae", "latency_p50_ms"],
        "show": ["mae", "latency_p50_ms"],
        "judges": [],
        "candidates": list(candidates),
        "software": {"python": "3.11"},
    } | others


DECIDED = record(candidate("facts", "best", 0.4, 2.0), BEATEN, GONE, best="facts")
OPEN = record(
    candidate("facts", "may be best", 0.4),
    candidate("warm", "may be best", 0.39, 3.0, against="facts", difference=value(-0.01), needed=900),
    needed=900,
)
LOST = record(GONE, candidate("other", "not compared", None, None), axes=["r2"])


def on_terminal(content: dict[str, Any], width: int = 140) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(to_terminal(comparison_brief(content)))
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            DECIDED,
            [
                "facts is the best",
                "at most 5 %",
                "by facts",
                "no answer for 3 of 60 rows",
                "prompt: facts.txt",
            ],
        ),
        (
            OPEN,
            [
                "facts and warm cannot be told apart yet",
                "About 900 cases would tell",
                "not shown to be the best",
            ],
        ),
        (OPEN | {"needed": None}, ["No realistic number of cases"]),
        (OPEN | {"open": list("abcde")}, ["5 candidates cannot be told apart yet"]),
        (LOST, ["Nothing could be compared", "no answer for 3 of 60 rows"]),
    ],
    ids=["decided", "open", "out of reach", "many", "nothing"],
)
def test_every_format_says_how_it_ended(content: dict[str, Any], says: list[str]) -> None:
    page, text = to_html(comparison_document(content)), to_markdown(comparison_document(content))
    plain = (re.sub(r"<[^>]*>", "", page), text.replace("\\", ""), on_terminal(content))
    for shown in plain:
        for said in says:
            assert said in " ".join(shown.replace("┃", " ").split())


def test_a_metric_that_nobody_has_is_told_once_and_is_no_column() -> None:
    gone = value(None, problem="the endpoint has no price")
    free = [one | {"shown": one["shown"] | {"mae": gone}} for one in DECIDED["candidates"]]
    document = comparison_document(DECIDED | {"candidates": free, "axes": ["r2", "latency_p50_ms"]})
    assert to_markdown(document).count("mae") == 1
    assert "**mae**: the endpoint has no price" in to_markdown(document)
    drawn = picture(DECIDED | {"axes": ["r2", "latency_p50_ms"]})
    assert drawn is not None
    assert (drawn.x_label, drawn.size_label) == ("latency_p50_ms, lower is better", "")


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_has_room_for_names_and_places_however_many_metrics_are_shown(width: int) -> None:
    names = [f"a_metric_of_letters_{number}" for number in range(5)]
    many = [one | {"shown": one["shown"] | dict.fromkeys(names, value(0.5))} for one in DECIDED["candidates"]]
    said = on_terminal(DECIDED | {"candidates": many, "show": [*DECIDED["show"], *names]}, width)
    for name, place in (("facts", "best"), ("plain", "beaten"), ("lost", "not")):
        assert re.search(rf"^ +{name}\b.* {place}\b", said, flags=re.MULTILINE), said
        assert len(re.findall(rf"^ +{name}\b", said, flags=re.MULTILINE)) >= 4
    for number in range(5):
        assert f"of_letters_{number}" in said or width < 120


def test_a_page_without_two_places_has_no_picture() -> None:
    assert picture(LOST) is None
    assert picture(DECIDED | {"axes": ["r2"]}) is None
    assert "<figure" not in to_html(comparison_document(LOST))


def test_the_picture_shows_those_compared_with_the_line_of_the_front() -> None:
    third = candidate("dear", "may be best", 0.5, 9.0)
    drawn = picture(record(candidate("facts", "may be best", 0.4, 2.0), third, BEATEN, GONE))
    assert drawn is not None
    assert [(spot.name, spot.x, spot.y) for spot in drawn.spots] == [
        ("facts", 2.0, 0.4),
        ("dear", 9.0, 0.5),
        ("plain", 1.0, 0.2),
    ]
    assert [spot.verdict for spot in drawn.spots] == [Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE, None]
    assert drawn.front == ((1.0, 0.2), (2.0, 0.4), (9.0, 0.5))
    assert drawn.x_label == "mae [target's unit], lower is better"
    assert drawn.size_label == "area: latency_p50_ms"
    assert not drawn.log
    assert picture(record(candidate("a", "best", 0.4, 2.0), candidate("b", "beaten", 0.3, 90.0))).log


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
finite = st.floats(-1e6, 1e6)
spots = st.builds(
    Spot, names, finite, finite, st.none(), st.none(), st.floats(0, 1), st.sampled_from([None, *Verdict])
)


@given(st.lists(spots, min_size=2, max_size=6), names)
def test_any_spots_and_names_make_a_picture(found: list[Spot], label: str) -> None:
    scatter = Scatter(tuple(found), label, label, label, ((0.0, 1.0), (2.0, 3.0)), log=False, text=label)
    root = ElementTree.fromstring(alone(scatter))
    shown = [
        each.text for each in root.iter("{http://www.w3.org/2000/svg}text") if each.get("class") == "name"
    ]
    assert sorted(shown) == sorted(spot.name for spot in found)
    assert "nan" not in scatter_svg(scatter).replace(label, "")


@example("a: |\n  ```\n  b\n  ```")
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_lines_to_copy_stay_as_they_are_whatever_marks_they_hold(text: str) -> None:
    document = Document("t", (Listing(f"{text}\n", "yaml"),))
    page = ElementTree.fromstring(re.findall(r"<pre>.*</pre>", to_html(document), flags=re.DOTALL)[0])
    assert "".join(page.itertext()).rstrip() == text.rstrip()
    fence, *inside, end = to_markdown(document).strip().split("\n")[2:]
    assert "\n".join(inside) == text.rstrip()
    assert fence == f"{end}yaml"
    assert end not in text


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_and_lie_between_the_ends(low: float, wide: float) -> None:
    found = ticks(low, low + wide)
    assert 2 <= len(found) <= 7
    assert all(low - 1e-6 * wide <= tick <= low + wide + 1e-6 * wide for tick in found)


@pytest.mark.parametrize("low", [0.001, 0.9])
@pytest.mark.parametrize("times", [3.0, 30.0, 1e5])
def test_ticks_of_logarithms_lie_between_the_ends(low: float, times: float) -> None:
    found = ticks(low, low * times, log=True)
    assert len(found) >= 2
    assert all(low <= tick <= low * times for tick in found)


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")
def test_names_in_the_picture_cover_neither_each_other_nor_the_edge(tmp_path) -> None:
    from playwright.sync_api import sync_playwright

    close = [candidate(f"a long name {index}", "may be best", 0.4 + index / 500, 2.0) for index in range(4)]
    page = tmp_path / "report.html"
    page.write_text(to_html(comparison_document(record(*close, BEATEN))))
    with sync_playwright() as player:
        browser = player.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        shown = browser.new_context(offline=True, viewport={"width": 1100, "height": 900}).new_page()
        shown.goto(page.as_uri())
        boxes = shown.eval_on_selector_all(
            "figure.scatter text.name",
            "found => found.map(each => { const b = each.getBBox(); "
            "return [b.x, b.y, b.x + b.width, b.y + b.height]; })",
        )
        browser.close()
    assert len(boxes) == 5
    for index, one in enumerate(boxes):
        assert one[0] >= 0
        assert one[2] <= 880
        for other in boxes[index + 1 :]:
            assert (
                min(one[2], other[2]) <= max(one[0], other[0])
                or min(one[3], other[3]) <= max(one[1], other[1]) + 4
            )
