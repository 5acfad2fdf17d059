"""What training saw of each field, small enough to travel with the model: the guards of the server hold inputs
against it.

ranges.json holds no text that may be about a person: few categories are named, many are hashed, free text is left out.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from evaluation.errors import UserError

# A field of more distinct texts than this shows hashes; of more than the second, nothing but how many there were.
_MAX_NAMED, _MAX_HASHED = 100, 1000
# Categories come again; texts of which half the rows have one that no other row has are names or prose.
_MIN_REPEATS, _FEW = 2, 20
_HASH_BYTES = 16


@dataclass(frozen=True)
class FieldRange:
    """One field in the training table.

    low, high: of the finite numbers; None where there are none, and for text, dates and true or false.
    categories: sorted texts; `hashes` instead where there are many; neither for free text.
    distinct: how many texts there were; missing: the share of rows without a value, in [0, 1].
    """

    missing: float
    low: float | int | None = None
    high: float | int | None = None
    categories: tuple[str, ...] | None = None
    hashes: tuple[str, ...] | None = None
    distinct: int | None = None


@dataclass(frozen=True)
class Ranges:
    """What training saw, by field; `salt` goes into the hashes of categories."""

    fields: Mapping[str, FieldRange]
    salt: str = ""

    @classmethod
    def of(cls, columns: Iterable[pl.Series], salt: str = "") -> "Ranges":
        """Sum up columns, one at a time.

        >>> found = Ranges.of([pl.Series("age", [31, 58, None, 44]), pl.Series("job", ["a", "b", "a", "a"])])
        >>> found.fields["age"].low, found.fields["age"].high, found.fields["age"].missing
        (31, 58, 0.25)
        >>> found.fields["job"].categories
        ('a', 'b')
        """
        return cls({column.name: _sum_up(column, salt) for column in columns}, salt)

    def to_json(self) -> bytes:
        """The file's content, the same for the same table."""
        content = {"salt": self.salt, "fields": {name: asdict(found) for name, found in self.fields.items()}}
        return json.dumps(content, indent=1, allow_nan=False, sort_keys=True).encode()

    @classmethod
    def read(cls, path: Path) -> "Ranges":
        """Read ranges.json; raises UserError for what `to_json` did not write."""
        try:
            content = json.loads(path.read_bytes())
            fields = {name: _field(found) for name, found in content["fields"].items()}
            return cls(fields, str(content["salt"]))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise UserError(
                f"{path.name} does not tell what training saw: {error.__class__.__name__}",
                expected="the file that `weighbridge train` wrote",
                next_step="release again: weighbridge release --new",
            ) from None


def hashed(text: str, salt: str) -> str:
    """A category as it is kept where there are many; who guesses a text can test it, nobody can read it back."""
    return hashlib.blake2b(
        text.encode("utf-8", "surrogatepass"), key=salt.encode()[:64], digest_size=_HASH_BYTES
    ).hexdigest()


def _sum_up(column: pl.Series, salt: str) -> FieldRange:
    kind = column.dtype
    if kind.is_float():
        column = column.fill_nan(None)
    missing = column.null_count() / len(column) if len(column) else 0.0
    if kind.is_numeric() and not kind.is_decimal():
        return _numbers(column, missing)
    if kind in (pl.String, pl.Categorical, pl.Enum):
        return _texts(column.cast(pl.String), missing, salt)
    return FieldRange(missing)


def _numbers(column: pl.Series, missing: float) -> FieldRange:
    finite = column.filter(column.is_finite()) if column.dtype.is_float() else column
    low, high = finite.min(), finite.max()
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return FieldRange(missing)
    return FieldRange(missing, low, high)


def _texts(column: pl.Series, missing: float, salt: str) -> FieldRange:
    known = column.drop_nulls()
    distinct = known.n_unique()
    free = distinct > _MAX_HASHED or (distinct > _FEW and known.len() < _MIN_REPEATS * distinct)
    if free or not distinct:
        return FieldRange(missing, distinct=distinct)
    texts = sorted(known.unique().to_list())
    if distinct <= _MAX_NAMED:
        return FieldRange(missing, categories=tuple(texts), distinct=distinct)
    return FieldRange(missing, hashes=tuple(sorted(hashed(text, salt) for text in texts)), distinct=distinct)


def _field(content: Mapping[str, Any]) -> FieldRange:
    found = FieldRange(**content)
    for bound in (found.low, found.high, found.missing):
        if bound is not None and (isinstance(bound, bool | str) or not math.isfinite(bound)):
            raise ValueError("a bound that is no number")
    lists = {
        name: None if content.get(name) is None else tuple(map(str, content[name]))
        for name in ("categories", "hashes")
    }
    return FieldRange(**{**content, **lists})
