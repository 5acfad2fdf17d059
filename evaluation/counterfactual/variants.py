"""Cases in variants that differ in nothing but a group of people: what a model is asked to be compared with itself."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from evaluation.config import CASE, CounterfactualConfig
from evaluation.counterfactual.exchange import exchangeable, group_in
from evaluation.counterfactual.words import WordList, read_words
from evaluation.errors import UserError

NO_WORD = "no word of the list"
NO_PARTNER = "a word that cannot be exchanged, or not back"
_PERSON = "person"
_PLACE = re.compile(r"\{(\w*)\}")
# Around the number of a place in a template while its words are exchanged; no word holds it.
_MARK = "\ue000"

Texts = dict[str, str]
# The texts of the n-th case in one group, or None where they cannot be had; it is told the group's number.
_Say = Callable[[int], Texts | None]


@dataclass(frozen=True, eq=False)
class Variants:
    """What is asked instead of the cases.

    frame: one row a variant, with the columns of the cases, `case` (the case's row), and for every list of words a
    column with the variant's group, null where the variant is of another list.
    left_out: by list, how many cases have no variants, and why.
    """

    frame: pl.DataFrame
    left_out: Mapping[str, Mapping[str, int]]

    def told(self) -> str:
        """How many cases there are by list, and what was left out, in one sentence."""
        parts = []
        for name, reasons in self.left_out.items():
            asked = self.frame.filter(pl.col(name).is_not_null())[CASE].n_unique()
            without = ", ".join(f"{cases:,} without: {reason}" for reason, cases in reasons.items())
            parts.append(f"{name}: {asked:,} cases" + (f" ({without})" if without else ""))
        return "; ".join(parts)


def variants(cases: pl.DataFrame, config: CounterfactualConfig, folder: Path, *, seed: int = 0) -> Variants:
    """Every case once for each group of each list of words, or of at most `config.cases` of them, drawn by the seed.

    folder: where the files that the section names are. A case whose words cannot be exchanged without doubt has no
    variants; it is counted. Raises UserError for an absent column, an unknown list, or a template that names what is
    not there.
    """
    for name in config.columns:
        if name not in cases.columns:
            raise UserError(
                f"gate.counterfactual.columns: no column '{name}' in the evaluation data",
                expected=f"one of: {', '.join(cases.columns)}",
            )
    lists = [read_words(name, folder) for name in config.swap]
    templates = _templates(config, cases, folder) if config.templates else ()
    order = np.random.Generator(np.random.PCG64(seed)).permutation(cases.height).tolist()
    frames, left_out = [], {}
    for words in lists:
        found, left_out[words.name] = _of_list(cases, config, words, templates, order)
        frames.append(found)
    every = [words.name for words in lists]
    texts = [pl.col(name).cast(pl.String) for name in every]
    return Variants(pl.concat(frames, how="diagonal").with_columns(texts), left_out)


def _of_list(
    cases: pl.DataFrame,
    config: CounterfactualConfig,
    words: WordList,
    templates: Sequence[str],
    order: list[int],
) -> tuple[pl.DataFrame, dict[str, int]]:
    rows: list[tuple[int, int, Texts]] = []
    reasons: Counter[str] = Counter()
    asked = 0
    for case in order:
        if asked == config.cases:
            break
        texts = {name: cases[name][case] for name in config.columns}
        if templates:
            made = _from_template(templates[case % len(templates)], case, cases, config.columns[0], words)
        else:
            made = _from_texts({name: text for name, text in texts.items() if isinstance(text, str)}, words)
        said = None if made is None else [made(group) for group in range(len(words.groups))]
        if said is None or None in said:
            reasons[NO_WORD if made is None else NO_PARTNER] += 1
            continue
        asked += 1
        rows += [(case, group, text) for group, text in enumerate(said) if text is not None]
    return _frame(cases, sorted(rows, key=lambda row: row[:2]), words), dict(reasons)


def _frame(cases: pl.DataFrame, rows: list[tuple[int, int, Texts]], words: WordList) -> pl.DataFrame:
    chosen = [case for case, _, _ in rows]
    changed = {name for _, _, texts in rows for name in texts}
    columns = [
        pl.Series(name, [texts.get(name, cases[name][case]) for case, _, texts in rows], dtype=pl.String)
        for name in sorted(changed)
    ]
    groups = pl.Series(words.name, [words.groups[group] for _, group, _ in rows], dtype=pl.String)
    return cases[chosen].with_columns(*columns, pl.Series(CASE, chosen, dtype=pl.Int64), groups)


def _from_texts(texts: Texts, words: WordList) -> _Say | None:
    """How the texts of a case read in each group; None where none of them tells a group."""
    group = next((found for text in texts.values() if (found := group_in(text, words)) is not None), None)
    if group is None:
        return None
    own = group

    def say(to: int) -> Texts | None:
        changed = {name: exchangeable(text, words, own, to) for name, text in texts.items()}
        return None if None in changed.values() else {name: text for name, text in changed.items() if text}

    return say


def _from_template(
    template: str, case: int, cases: pl.DataFrame, column: str, words: WordList
) -> _Say | None:
    """How a template reads in each group, with the case's texts in it as they are."""
    places = _PLACE.findall(template)
    if _PERSON in places and not words.names:
        return None
    numbered = iter(range(len(places)))
    named = _PLACE.sub(lambda match: _marked(match[1], next(numbered), case, words), template)
    say = _from_texts({column: named}, words)
    if say is None:
        return None
    inner = say

    def filled(to: int) -> Texts | None:
        texts = inner(to)
        if texts is None:
            return None
        parts = texts[column].split(_MARK)
        given = (cases[places[int(number)]][case] for number in parts[1::2])
        parts[1::2] = ["" if value is None else str(value) for value in given]
        return {column: "".join(parts)}

    return filled


def _marked(place: str, number: int, case: int, words: WordList) -> str:
    return words.names[case % len(words.names)] if place == _PERSON else f"{_MARK}{number}{_MARK}"


def _templates(config: CounterfactualConfig, cases: pl.DataFrame, folder: Path) -> tuple[str, ...]:
    path = folder / (config.templates or "")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"no readable templates at {path}: {type(error).__name__}",
            expected="a UTF-8 file, one text a line",
        ) from None
    templates = tuple(line for line in lines if line.strip() and not line.startswith("#"))
    if not templates:
        raise UserError(
            f"{path} holds no template", expected="one text a line, such as: {title}, for {person}"
        )
    for place in dict.fromkeys(_PLACE.findall("".join(templates))):
        if place != _PERSON and place not in cases.columns:
            raise UserError(
                f"{path.name} names {{{place}}}, which the evaluation data has not",
                expected=f"{{{_PERSON}}} or a column: {', '.join(cases.columns)}",
                next_step=f"correct {path}",
            )
    return templates
