"""What a request must look like, generated from the model's signature."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import polars as pl
from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    Strict,
    ValidationError,
    create_model,
)

from evaluation.errors import UserError
from mlops.packaging.load import InputField
from mlops.serving.errors import FieldProblem, Invalid

_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
_MAX_TEXT = 10_000
_FLOAT32 = 3.4028234663852886e38

Id = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
Number = Annotated[float, AllowInfNan(allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=_MAX_TEXT)]
Int64 = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
Int32 = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
Request = TypeVar("Request", bound=BaseModel)


def _text_only(value: object) -> object:
    if not isinstance(value, str):
        msg = "should be a date and time as ISO 8601 text"
        raise ValueError(msg)  # noqa: TRY004 - pydantic turns only ValueError into a problem of the field
    return value


def _naive_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


_KINDS: Mapping[str, tuple[Any, pl.DataType]] = {
    "double": (Number, pl.Float64()),
    "float": (Annotated[float, Field(ge=-_FLOAT32, le=_FLOAT32)], pl.Float32()),
    "long": (Int64, pl.Int64()),
    "integer": (Int32, pl.Int32()),
    "string": (Text, pl.String()),
    "boolean": (bool, pl.Boolean()),
    "datetime": (
        Annotated[datetime, Strict(strict=False), BeforeValidator(_text_only), AfterValidator(_naive_utc)],
        pl.Datetime("us"),
    ),
}


class Label(BaseModel):
    """The truth about one answered row."""

    model_config = _STRICT

    id: Id
    label: bool | Int64 | Number | Text


class PredictRequest(BaseModel):
    """Rows to answer for; `signature_schema` makes the one whose records have the model's fields."""

    model_config = _STRICT

    records: list[Any]
    ids: list[str] | None = None


class FeedbackRequest(BaseModel):
    """Labels of rows that were answered, by the ids in the answers."""

    model_config = _STRICT

    labels: list[Label]


class Schemas:
    """The request models for one signature.

    >>> schemas = Schemas([InputField("age", "long", True)], max_records=10)
    >>> schemas.rows(validate(schemas.predict, {"records": [{"age": 31}]}))
    [(31,)]
    """

    def __init__(self, inputs: Sequence[InputField], *, max_records: int) -> None:
        self.names = tuple(field.name for field in inputs)
        # Features may be called anything; inside, they are f0, f1, ... and their names are aliases.
        self._slots = tuple(f"f{number}" for number in range(len(inputs)))
        fields: dict[str, Any] = dict(zip(self._slots, map(_field, inputs), strict=True))
        record = create_model("Record", __config__=_STRICT, **fields)
        many = Field(min_length=1, max_length=max_records)
        self.predict: type[PredictRequest] = create_model(
            "PredictRequest",
            __base__=PredictRequest,
            __doc__="Rows to answer for, with the fields of the model's signature.",
            records=(Annotated[list[record], many, FailFast()], ...),
            ids=(Annotated[list[Id], many] | None, None),
        )
        self.feedback: type[FeedbackRequest] = create_model(
            "FeedbackRequest",
            __base__=FeedbackRequest,
            __doc__=FeedbackRequest.__doc__,
            labels=(Annotated[list[Label], many, FailFast()], ...),
        )
        self._frame = pl.Schema({field.name: _KINDS[field.dtype][1] for field in inputs})

    def rows(self, request: PredictRequest) -> list[tuple[Any, ...]]:
        """The records' values in the order of `names`, None for an optional field that was left out."""
        return [tuple(vars(record)[slot] for slot in self._slots) for record in request.records]

    def frame(self, rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
        """Rows as the model takes them: one column per field of the signature, typed as there."""
        columns = zip(self._frame.items(), zip(*rows, strict=True), strict=True)
        return pl.DataFrame([pl.Series(name, values, dtype) for (name, dtype), values in columns])


def validate(schema: type[Request], content: Any) -> Request:
    """Check parsed JSON; raises Invalid that names the fields at fault, without their values."""
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        fields = [FieldProblem(_path(item["loc"]), item["msg"]) for item in found]
        raise Invalid(f"{len(fields)} problem(s) with the request's fields", fields) from None


def _path(location: Iterable[int | str]) -> str:
    return ".".join(str(part) for part in location) or "body"


def _field(field: InputField) -> tuple[Any, Any]:
    if field.dtype not in _KINDS:
        raise UserError(
            f"the model's input '{field.name}' has type {field.dtype}",
            expected=f"one of: {', '.join(_KINDS)}",
            next_step="train a model on such columns, then weighbridge release",
        )
    kind = _KINDS[field.dtype][0]
    if field.required:
        return kind, Field(alias=field.name, title=field.name)
    return kind | None, Field(None, alias=field.name, title=field.name)
