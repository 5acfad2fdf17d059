"""One page that needs nothing else: no script, no font, no address; light or dark as the reader's system is."""

import re
from html import escape

from evaluation.reports.blocks import (
    Badge,
    Banner,
    Block,
    Cell,
    Code,
    Document,
    Facts,
    Folded,
    Heading,
    Item,
    Items,
    Listing,
    Paragraph,
    Picture,
    Scatter,
    Stack,
    Table,
    Tile,
    Tiles,
)
from evaluation.reports.html_style import MARK, STYLE
from evaluation.reports.scatter import scatter_svg
from evaluation.reports.svg import to_svg
from evaluation.types import Verdict

_SIGNS = {Verdict.PASS: "✓", Verdict.FAIL: "✕", Verdict.INCONCLUSIVE: "?"}


def to_html(document: Document) -> str:
    """Render a document as a whole page; every value is escaped.

    >>> "<script>" in to_html(Document("<script>", ()))
    False
    """
    title = escape(document.title)
    body = "\n".join(_block(block) for block in document.blocks)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<header>{MARK}<span class="brand">Weighbridge</span><h1>{title}</h1></header>\n'
        f"{body}\n</main>\n</body>\n</html>\n"
    )


def _block(block: Block) -> str:  # noqa: C901, PLR0911 - one for each kind of block
    match block:
        case Heading():
            return f"<h2>{escape(block.text)}</h2>"
        case Paragraph():
            return f"<p>{escape(block.text)}</p>"
        case Banner():
            return (
                f'<section class="banner {block.verdict}">{_badge(block.verdict)}'
                f'<div class="said"><strong>{escape(block.title)}</strong><p>{escape(block.text)}</p></div></section>'
            )
        case Tiles():
            return f'<dl class="tiles">{"".join(_tile(tile) for tile in block.tiles)}</dl>'
        case Items():
            return f'<ul class="items">{"".join(_item(item) for item in block.items)}</ul>'
        case Table():
            return _table(block)
        case Facts():
            return _facts(block)
        case Folded():
            return f"<details><summary>{escape(block.title)}</summary>{_facts(block.facts)}</details>"
        case Listing():
            return f"<pre><code>{escape(block.text)}</code></pre>"
        case Scatter():
            return f'<figure class="scatter">{scatter_svg(block)}</figure>'


def _tile(tile: Tile) -> str:
    return f'<div class="tile {tile.verdict or ""}"><dt>{escape(tile.label)}</dt><dd>{escape(tile.value)}</dd></div>'


def _item(item: Item) -> str:
    sign = f'<span class="sign">{_SIGNS[item.verdict]}</span>' if item.verdict else ""
    return (
        f'<li class="{item.verdict or "plain"}">{sign}<div><strong>{escape(item.title)}</strong>'
        f"<p>{escape(item.text)}</p></div></li>"
    )


def _facts(facts: Facts) -> str:
    rows = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{_cell(value)}</dd></div>" for label, value in facts.facts
    )
    return f'<dl class="facts">{rows}</dl>'


def _table(table: Table) -> str:
    kinds = ['class="number"' if index in table.numbers else "" for index in range(len(table.columns))]
    head = "".join(
        f'<th scope="col" {kind}>{escape(name)}</th>' for kind, name in zip(kinds, table.columns, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(f"<td {kind}>{_cell(cell)}</td>" for kind, cell in zip(kinds, row, strict=True))
        + "</tr>"
        for row in table.rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(cell: Cell) -> str:
    match cell:
        case Badge():
            return _badge(cell.verdict)
        case Code():
            return f"<code>{escape(cell.text)}</code>"
        case Stack():
            title = f'<span class="title">{_breakable(cell.title)}</span>'
            return f'{title}<span class="note">{escape(cell.note)}</span>'
        case Picture():
            return to_svg(cell)
        case str():
            return escape(cell)


def _breakable(text: str) -> str:
    """A name such as `recall[education=university].vs_champion` may break where its parts meet."""
    return re.sub(r"([_,=])|(?=[\[(])|(?=\.[a-z])", r"\1<wbr>", escape(text))


def _badge(verdict: Verdict) -> str:
    return f'<span class="badge {verdict}"><i>{_SIGNS[verdict]}</i>{verdict}</span>'
