"""Each format as a table of blocks and text; hostile text stays text in all of them."""

import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from evaluation.reports.blocks import (
    Badge,
    Banner,
    Block,
    Code,
    Document,
    Facts,
    Folded,
    Heading,
    Item,
    Items,
    Paragraph,
    Picture,
    Stack,
    Table,
    Tile,
    Tiles,
)
from evaluation.reports.document import decision_document
from evaluation.reports.explain import explain
from evaluation.reports.html import to_html
from evaluation.reports.markdown import to_markdown
from evaluation.reports.picture import letters
from evaluation.reports.svg import to_svg
from evaluation.reports.terminal import to_terminal
from evaluation.types import Verdict

from .conftest import BIASED, OPEN, PASSED, UNMEASURED

PICTURE = Picture(
    low=0.2,
    value=0.3,
    high=0.4,
    bound=0.1,
    keeps_above=True,
    verdict=Verdict.PASS,
    start=0,
    end=0.5,
    text="x",
)
MakeDecision = Callable[..., dict[str, Any]]


def on_terminal(document: Document, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(to_terminal(document))
    return out.getvalue()


@pytest.mark.parametrize(
    ("block", "markdown", "terminal"),
    [
        (Heading("Checks"), "## Checks", "Checks"),
        (Paragraph("As it *is*."), r"As it \*is\*.", "As it *is*."),
        (Banner(Verdict.PASS, "May serve", "All."), "### ✅ pass: May serve\n\nAll.", "PASS  May serve"),
        (
            Tiles((Tile("rows", "9"), Tile("failed", "1", Verdict.FAIL))),
            "**9** rows · **1** failed",
            "9 rows   1 failed",
        ),
        (Items((Item("a", "b", Verdict.FAIL), Item("c", "d"))), "- ❌ **a**: b\n- **c**: d", "✘ a"),
        (Table(("A", "B"), (("1", "2"),), frozenset({1})), "| A | B |\n|---|---:|\n| 1 | 2 |", "1   2"),
        (Facts((("Seed", Code("7")),)), "| Seed | <code>7</code> |", "Seed"),
        (Folded("More", Facts((("a", "b"),))), "<details><summary>More</summary>", ""),
        (Table(("A",), ((Stack("t", "n"),),)), "| **t**<br>n |", "t"),
        (Table(("A",), ((Badge(Verdict.INCONCLUSIVE),),)), "| ⚠️ inconclusive |", "? inconclusive"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_blocks(block: Block, markdown: str, terminal: str) -> None:
    document = Document("Title", (block,))
    assert markdown in to_markdown(document)
    assert terminal in on_terminal(document)


@pytest.mark.parametrize(
    ("picture", "line"),
    [
        (PICTURE, "     ┆····├━━━●━━━━┤·····"),
        (Picture(6, 7, 8, 4, False, Verdict.FAIL, 0, 8, ""), "············┆     ├━━●━━┤"),
        (Picture(1, 4, 7, 4, True, Verdict.INCONCLUSIVE, 0, 8, ""), "   ├━━━━━━━━●━━━━━━━━┤···"),
        (Picture(3, 3, 3, 9, True, Verdict.FAIL, 0, 8, ""), "         ●              ┆"),
    ],
)
def test_a_picture_in_letters(picture: Picture, line: str) -> None:
    assert letters(picture) == line


def test_a_picture_as_svg() -> None:
    svg = ElementTree.fromstring(to_svg(PICTURE))
    by_class = {element.get("class"): element for element in svg}
    assert float(by_class["bound"].get("x1")) == pytest.approx(240 * 0.2)
    assert float(by_class["point"].get("cx")) == pytest.approx(240 * 0.6)
    assert float(by_class["span"].get("x2")) - float(by_class["span"].get("x1")) == pytest.approx(240 * 0.4)
    allowed = by_class["allowed"]
    assert (float(allowed.get("x")), float(allowed.get("width"))) == (48, 192)
    assert svg.get("class") == "picture pass"
    assert "zero" not in by_class


def test_no_difference_is_marked_where_it_is_in_sight() -> None:
    picture = Picture(-0.01, 0.0, 0.02, -0.03, True, Verdict.PASS, -0.05, 0.05, "")
    zero = next(
        element for element in ElementTree.fromstring(to_svg(picture)) if element.get("class") == "zero"
    )
    assert float(zero.get("x1")) == 120


class Page(HTMLParser):
    """What a browser would build: tags, attributes, text."""

    VOID = frozenset({"meta", "rect", "line", "circle", "path"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "wbr":
            return
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def everywhere(text: str) -> Document:
    """A document with a text in every place that has one."""
    picture = Picture(0.2, 0.3, 0.4, 0.1, True, Verdict.PASS, 0, 0.5, text)
    return Document(
        text,
        (
            Banner(Verdict.FAIL, text, text),
            Tiles((Tile(text, text),)),
            Heading(text),
            Paragraph(text),
            Items((Item(text, text, Verdict.PASS),)),
            Table((text,), ((text,), (Code(text),), (Stack(text, text),), (picture,))),
            Facts(((text, text),)),
            Folded(text, Facts(((text, Code(text)),))),
        ),
    )


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='x",
    "a|b\n| c |",
    "[bold red]x[/] [link=http://a.b]y[/link]",
    "</title></style></details>",
    "``x`` **y** [z](http://a.b) #1 @team &amp; ~~s~~",
    "`</code><b>",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_on_a_page(text: str) -> None:
    calm, hostile = Page(to_html(everywhere("calm"))), Page(to_html(everywhere(text)))
    assert set(hostile.tags) == set(calm.tags)
    assert {name for name, _ in hostile.attributes} == {name for name, _ in calm.attributes}
    assert hostile.open == []
    assert text in hostile.text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_markdown(text: str) -> None:
    calm, hostile = to_markdown(everywhere("calm")), to_markdown(everywhere(text))
    tags = re.compile(r"<[^>]*>")
    assert tags.findall(hostile) == tags.findall(calm)
    unescaped = re.compile(r"(?<!\\)[|`\[]")
    assert unescaped.findall(hostile) == unescaped.findall(calm)
    assert len(hostile.splitlines()) == len(calm.splitlines())
    assert "@team" not in hostile


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_on_a_terminal(text: str) -> None:
    cells = [
        Table(("A",), ((cell,),)) for cell in (text, Code(text), Stack(text, "note"), Stack("title", text))
    ]
    for block in (Paragraph(text), Heading(text), Banner(Verdict.PASS, text, "said"), *cells):
        shown = on_terminal(Document("t", (block,)), width=400)
        assert all(line.strip() in shown for line in text.splitlines())


@given(st.text(max_size=60))
def test_any_text_can_be_rendered(text: str) -> None:
    document = everywhere(text)
    assert Page(to_html(document)).open == []
    assert to_markdown(document)
    assert on_terminal(document)


@pytest.mark.parametrize("build", [decision_document, explain])
def test_whole_reports_render(
    build: Callable[[dict[str, Any]], Document], make_decision: MakeDecision
) -> None:
    document = build(make_decision("fail", PASSED, BIASED, OPEN, UNMEASURED))
    page = to_html(document)
    parsed = Page(page)
    assert parsed.open == []
    assert "equalized_odds_difference between groups of sex is 0.1500" in parsed.text
    assert "equalized_odds_difference(sex)" in to_markdown(document)
    assert "equalized_odds_difference(sex)" in on_terminal(document, width=140)


def test_a_page_needs_nothing_from_elsewhere(make_decision: MakeDecision) -> None:
    page = to_html(decision_document(make_decision("fail", PASSED, BIASED)))
    assert not re.search(r"https?:|//|@import|url\(|<script|<link|<img", page)
    assert page.count("<svg") == 3


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_of_any_width_shows_every_verdict(width: int, make_decision: MakeDecision) -> None:
    shown = on_terminal(
        decision_document(make_decision("fail", PASSED, BIASED, OPEN, UNMEASURED)), width=width
    )
    assert max(len(line) for line in shown.splitlines()) <= width
    assert "What did not pass" in shown
    assert "roc_auc" in shown
