"""Lists of words that stand for each other in different groups, such as she and he."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import groupby
from pathlib import Path

from evaluation.errors import UserError

OWN = Path(__file__).parent / "words"
_BEFORE = "before"


class Before(StrEnum):
    """What a word must stand before, for a row of the list to hold for it."""

    ANYTHING = ""
    NOUN = "noun"
    OTHER = "other"


@dataclass(frozen=True)
class Row:
    """Words that stand for each other, one for each group, in the order of the list's groups."""

    words: tuple[str, ...]
    before: Before = Before.ANYTHING


@dataclass(frozen=True)
class WordList:
    """One attribute, its groups, and what distinguishes them in a text.

    unpaired: words of the attribute that stand for nothing in another group; a text that holds one is left alone.
    names: given names that a template's `{person}` may stand for, all of the first group; of a list of the user's, all
    words with an initial capital.

    >>> gender = read_words("gender")
    >>> gender.groups, gender.rows[0].words
    (('female', 'male'), ('she', 'he'))
    """

    name: str
    groups: tuple[str, ...]
    rows: tuple[Row, ...]
    unpaired: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()

    @cached_property
    def by_word(self) -> Mapping[str, tuple[tuple[int, Row], ...]]:
        """Every word in lower case: its group, by number, and the rows that hold it there."""
        found: dict[str, list[tuple[int, Row]]] = {}
        for row in self.rows:
            for group, word in enumerate(row.words):
                found.setdefault(word.lower(), []).append((group, row))
        return {word: tuple(places) for word, places in found.items()}


def read_words(name: str, folder: Path | None = None) -> WordList:
    """Read a list by the name of one that is here, `gender` or `origin`, or a CSV file of the user's own.

    folder: where a file is looked for. Raises UserError for an unknown name and a list that does not hold together:
    less than two groups, a row with words missing, a word that stands in two groups or for two words.
    """
    if name in _BUILT_IN:
        return _BUILT_IN[name]()
    path = (folder or Path()) / name
    if path.suffix != ".csv" or not path.is_file():
        raise UserError(
            f"no list of words '{name}'",
            expected=f"{' or '.join(_BUILT_IN)}, or a CSV file with the groups as its header",
            next_step="correct gate.counterfactual.swap in weighbridge.yaml",
        )
    groups, rows = _read(path)
    named = tuple(row.words[0] for row in rows if all(word[:1].isupper() for word in row.words))
    return checked(WordList(path.stem, groups, rows, names=named))


def _gender() -> WordList:
    groups, rows = _read(OWN / "gender.csv")
    names = _names()
    pairs = [Row((female, male)) for _, female, male in names]
    lines = (OWN / "gender_unpaired.txt").read_text(encoding="utf-8").splitlines()
    unpaired = frozenset(line for line in lines if line and not line.startswith("#"))
    return WordList("gender", groups, (*rows, *pairs), unpaired, _first_cell(names))


def _origin() -> WordList:
    groups, rows = _read(OWN / "origin.csv")
    names = _names()
    cells = [list(cell) for _, cell in groupby(names, key=lambda name: name[0])]
    people = [
        Row(tuple(name[gender] for name in rank)) for rank in zip(*cells, strict=True) for gender in (1, 2)
    ]
    return WordList("origin", groups, (*rows, *people), names=_first_cell(names))


_BUILT_IN = {"gender": _gender, "origin": _origin}


def _first_cell(names: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(female for origin, female, _ in names if origin == names[0][0])


def _names() -> list[tuple[str, ...]]:
    with (OWN / "names.csv").open(encoding="utf-8", newline="") as file:
        return [tuple(line) for line in csv.reader(file)][1:]


def _read(path: Path) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [[cell.strip() for cell in line] for line in csv.reader(file) if any(line)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path} cannot be read: {type(error).__name__}", expected="a list of words as UTF-8 CSV"
        ) from None
    header = lines[0] if lines else []
    groups = tuple(name for name in header if name != _BEFORE)
    rows = [_row(path, header, line) for line in lines[1:]]
    return groups, tuple(rows)


def _row(path: Path, header: list[str], line: list[str]) -> Row:
    if len(line) != len(header):
        raise _wrong(path.name, f"{len(line)} cells in the row '{','.join(line)}'", f"{len(header)} cells")
    cells = dict(zip(header, line, strict=True))
    before = cells.pop(_BEFORE, "")
    if before not in set(Before):
        raise _wrong(path.name, f"'{before}' in column {_BEFORE}", "noun, other or nothing")
    return Row(tuple(cells.values()), Before(before))


def checked(words: WordList) -> WordList:
    """The same list; raises UserError where it does not hold together, as `read_words` says."""
    if len(words.groups) < 2 or len(set(words.groups)) < len(words.groups):
        raise _wrong(
            words.name, f"groups {', '.join(words.groups) or 'none'}", "two groups or more, all different"
        )
    for row in words.rows:
        if not all(word.isalpha() for word in row.words):
            raise _wrong(
                words.name, f"the row '{','.join(row.words)}'", "a word of letters only in every cell"
            )
    for word, places in words.by_word.items():
        kinds = [row.before for _, row in places]
        if len({group for group, _ in places}) > 1:
            raise _wrong(words.name, f"'{word}' stands for two groups", "every word in one group")
        if len(set(kinds)) < len(kinds) or (len(kinds) > 1 and Before.ANYTHING in kinds):
            raise _wrong(words.name, f"'{word}' stands in {len(kinds)} rows", _ONCE)
    return words


_ONCE = "every word in one row, or in one with `noun` and one with `other` in column before"


def _wrong(name: str, found: str, expected: str) -> UserError:
    return UserError(f"list of words {name}: {found}", expected=expected, next_step=f"correct {name}")


def groups_of(lists: Iterable[WordList]) -> dict[str, tuple[str, ...]]:
    """The groups of every list, by the list's name."""
    return {each.name: each.groups for each in lists}
