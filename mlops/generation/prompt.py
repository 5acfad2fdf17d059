"""A prompt: a text with places for the columns of a case."""

import difflib
import math
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from evaluation.errors import UserError

# Filled by what is looked up for a case, not by one of its columns.
CONTEXT = "context"
_MAX_CHARACTERS = 100_000


@dataclass(frozen=True)
class Prompt:
    """A template; `{title}` stands for the column of that name, `{{` and `}}` for braces.

    >>> prompt = Prompt("Describe {title} in {{one}} sentence.", "describe")
    >>> prompt.variables, prompt.fill({"title": "a red mug"})
    (('title',), 'Describe a red mug in {one} sentence.')
    """

    template: str
    name: str

    @classmethod
    def read(cls, path: Path, *, section: str = "generate.prompt") -> "Prompt":
        """Read a template; section: where weighbridge.yaml names it.

        Raises UserError for a file that is missing, no text, empty or not well formed.
        """
        try:
            # Some editors put a mark of the encoding first, which is no part of the text.
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            near = sorted(item.name for item in path.parent.glob("*") if item.suffix in {".txt", ".md"})
            raise UserError(
                f"no prompt at {path}: {error.strerror or error}",
                expected=f"one of: {', '.join(near)}" if near else "a text file beside weighbridge.yaml",
                next_step=f"correct {section} in weighbridge.yaml",
            ) from None
        except UnicodeDecodeError as error:
            raise UserError(
                f"{path.name} is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}",
                expected="a text file in UTF-8",
                next_step=f"save it as UTF-8; if it is Latin-1, by iconv -f latin1 -t utf-8 {path.name}",
            ) from None
        if not text.strip() or len(text) > _MAX_CHARACTERS:
            raise UserError(
                f"{path.name} has {len(text):,} characters", expected=f"a prompt of 1 to {_MAX_CHARACTERS:,}"
            )
        prompt = cls(text.strip(), path.stem)
        prompt.variables  # noqa: B018 - raises where the braces do not pair
        return prompt

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """The names in braces, in their order.

        Raises UserError for braces that do not pair, and for more than a name between them.
        """
        try:
            parts = list(string.Formatter().parse(self.template))
        except ValueError as error:
            raise self._malformed(str(error)) from None
        found: dict[str, None] = {}
        for _, name, spec, conversion in parts:
            if name is None:
                continue
            if not name.isidentifier() or spec or conversion:
                raise self._malformed(
                    f"{{{name}{'!' + conversion if conversion else ''}{spec and ':' + spec}}}"
                )
            found[name] = None
        return tuple(found)

    def fill(self, values: Mapping[str, Any]) -> str:
        """The text with every name replaced by its value; a value is never read as a template."""
        return "".join(
            text + ("" if name is None else _text(values[name]))
            for text, name, _, _ in string.Formatter().parse(self.template)
        )

    def require_columns(self, known: Iterable[str], *, otherwise: str = "or add the column") -> None:
        """Raise UserError for the first name that is no column, with the nearest one; otherwise: what else to do."""
        columns = list(known)
        for name in self.variables:
            if name not in columns:
                near = difflib.get_close_matches(name, columns, n=1)
                raise UserError(
                    f"the prompt '{self.name}' names {{{name}}}, which is no column of the cases",
                    expected=f"one of: {', '.join(sorted(columns))}",
                    next_step=f"did you mean {{{near[0]}}}?" if near else f"correct {{{name}}}, {otherwise}",
                )

    def _malformed(self, found: str) -> UserError:
        return UserError(
            f"the prompt '{self.name}' cannot be read: {found}",
            expected="names of columns in braces, such as {title}; {{ and }} for braces themselves",
            next_step=f"correct the file of '{self.name}'; a column whose name is no single word is renamed",
        )


def _text(value: object) -> str:
    if isinstance(value, float):
        # 2.0 is 2, 0.1 + 0.2 is 0.3, and no digit of 12999.99 is lost.
        return "" if math.isnan(value) else f"{value:.15g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return "" if value is None else str(value)
