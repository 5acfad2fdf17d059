"""GitHub-flavoured Markdown: for job summaries, MLflow descriptions and files beside a release."""

import html
import re

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
    Items,
    Listing,
    Paragraph,
    Picture,
    Scatter,
    Stack,
    Table,
    Tiles,
)
from evaluation.reports.picture import letters
from evaluation.types import Verdict

_MARKS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "⚠️"}
# Underscores inside a word have no meaning on GitHub; names of metrics stay readable.
_SPECIAL = re.compile(r"([\\`*\[\]|~#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")


def to_markdown(document: Document) -> str:
    """Render a document; every text in it is shown as it is, whatever marks it contains.

    >>> to_markdown(Document("a | b", (Paragraph("1 < 2"),)))
    '# a \\\\| b\\n\\n1 &lt; 2\\n'
    """
    parts = [f"# {escape(document.title)}", *(_block(block) for block in document.blocks)]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """Text on one line in which no mark, tag or mention has a meaning."""
    plain = html.escape(" ".join(text.split()), quote=False)
    # A word joiner keeps GitHub from telling a person or team whose name is in the data.
    return _SPECIAL.sub(r"\\\1", plain).replace("@", "@\u2060")


def _block(block: Block) -> str:  # noqa: C901, PLR0911 - one for each kind of block
    match block:
        case Heading():
            return f"## {escape(block.text)}"
        case Paragraph():
            return escape(block.text)
        case Banner():
            return f"### {badge(block.verdict)}: {escape(block.title)}\n\n{escape(block.text)}"
        case Tiles():
            return " · ".join(f"**{escape(tile.value)}** {escape(tile.label)}" for tile in block.tiles)
        case Items():
            return "\n".join(
                f"- {f'{_MARKS[item.verdict]} ' if item.verdict else ''}**{escape(item.title)}**: {escape(item.text)}"
                for item in block.items
            )
        case Table():
            return _table(block)
        case Facts():
            return _table(Table(("What", "Value"), tuple((label, value) for label, value in block.facts)))
        case Folded():
            inner = _block(block.facts)
            return f"<details><summary>{_entities(' '.join(block.title.split()))}</summary>\n\n{inner}\n\n</details>"
        case Listing():
            return _fenced(block)
        case Scatter():
            return escape(block.text)


def _fenced(listing: Listing) -> str:
    """Between marks that are longer than any such marks in the text."""
    longest = max((len(run) for run in re.findall("`+", listing.text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{listing.language}\n{listing.text.rstrip()}\n{fence}"


def _table(table: Table) -> str:
    rule = "|".join("---:" if index in table.numbers else "---" for index in range(len(table.columns)))
    lines = ["| " + " | ".join(escape(name) for name in table.columns) + " |", f"|{rule}|"]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in table.rows]
    return "\n".join(lines)


def _cell(cell: Cell) -> str:
    match cell:
        case Badge():
            return badge(cell.verdict)
        case Code():
            return _code(cell.text)
        case Stack():
            return f"**{escape(cell.title)}**<br>{escape(cell.note)}"
        case Picture():
            return _code(letters(cell), keep_spaces=True)
        case str():
            return escape(cell)


def badge(verdict: Verdict) -> str:
    """A verdict with a mark that is seen at a glance.

    >>> badge(Verdict.FAIL)
    '❌ fail'
    """
    return f"{_MARKS[verdict]} {verdict}"


def _code(text: str, *, keep_spaces: bool = False) -> str:
    plain = text.replace(" ", "\u00a0") if keep_spaces else " ".join(text.split())
    return f"<code>{_entities(plain)}</code>"


def _entities(text: str) -> str:
    """Inside a tag backslashes are shown, so marks are written as entities there."""
    plain = html.escape(text, quote=False)
    return _SPECIAL.sub(lambda match: f"&#{ord(match[1])};", plain).replace("@", "@\u2060")
