"""What a request must look like, generated from the model's signature."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    ValidationError,
    create_model,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from evaluation.errors import UserError
from mlops.packaging.load import InputField
from mlops.serving.errors import FieldProblem, Invalid

_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
MAX_TEXT = 10_000
_NO_ROWS = "should be there, or record, or columns; the fields of a row stand inside of it"
FLOAT32 = 3.4028234663852886e38

Id = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
Number = Annotated[float, AllowInfNan(allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=MAX_TEXT)]
Int64 = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
Request = TypeVar("Request", bound=BaseModel)
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Whole:
    """Takes 30.0 for 30, as JSON Schema does, up to 2**53: beyond that a float may not be the number that was sent.

    A number without point or exponent is exact, however large, and takes the fast way.
    """

    bits: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        exact = core_schema.int_schema(strict=True, ge=-(2 ** (self.bits - 1)), le=2 ** (self.bits - 1) - 1)
        return core_schema.union_schema(
            [exact, core_schema.no_info_plain_validator_function(self._of_float)],
            mode="left_to_right",
            custom_error_type="whole_number",
            custom_error_message=f"should be a whole number of {self.bits} bits",
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema["choices"][0])

    def _of_float(self, value: object) -> int:
        low, high = max(-(2**53), -(2 ** (self.bits - 1))), min(2**53, 2 ** (self.bits - 1) - 1)
        if not (isinstance(value, float) and low <= value <= high and value.is_integer()):
            raise ValueError
        return int(value)


def _text_only(value: object) -> object:
    if not isinstance(value, str):
        msg = "should be a date and time as ISO 8601 text"
        raise ValueError(msg)  # noqa: TRY004 - pydantic turns only ValueError into a problem of the field
    return value


def _naive_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


_KINDS: Mapping[str, Any] = {
    "double": Number,
    "float": Annotated[float, Field(ge=-FLOAT32, le=FLOAT32)],
    "long": Annotated[int, Whole(64)],
    "integer": Annotated[int, Whole(32)],
    "string": Text,
    "boolean": bool,
    "datetime": Annotated[
        datetime, Strict(strict=False), BeforeValidator(_text_only), AfterValidator(_naive_utc)
    ],
}


class Label(BaseModel):
    """The truth about one answered row."""

    model_config = _STRICT

    id: Id
    label: bool | Int64 | Number | Text


class FeedbackRequest(BaseModel):
    """Labels of rows that were answered, by the ids in the answers."""

    model_config = _STRICT

    labels: list[Label]


@dataclass(frozen=True)
class Asked:
    """Rows to answer for, each with a value a field of the signature, and the ids that their caller gave them."""

    rows: list[Row]
    ids: list[str] | None


class Schemas:
    """The forms of a request for one signature: one record, a list of records, or a list of values a column.

    >>> schemas = Schemas([InputField("age", "long", True)], max_records=10)
    >>> schemas.read({"records": [{"age": 31}, {"age": 47}]}).rows
    [(31,), (47,)]
    >>> schemas.read({"columns": {"age": [31, 47]}, "ids": ["a", "b"]}).ids
    ['a', 'b']
    """

    def __init__(self, inputs: Sequence[InputField], *, max_records: int) -> None:
        self.max_records = max_records
        self.names = tuple(field.name for field in inputs)
        # Features may be called anything; inside, they are f0, f1, ... and their names are aliases.
        self._slots = tuple(f"f{number}" for number in range(len(inputs)))
        many = Field(min_length=1, max_length=max_records)
        record = self._model("Record", [_field(field) for field in inputs])
        columns = self._model("Columns", [_column(field, many) for field in inputs])
        ids = (Annotated[list[Id], many] | None, None)
        self.one = _request("One", "One row to answer for.", record=(record, ...), id=(Id | None, None))
        self.many = _request(
            "Many",
            "Rows to answer for, with the fields of the model's signature.",
            records=(Annotated[list[record], many, FailFast()], ...),  # type: ignore[valid-type]
            ids=ids,
        )
        self.columns = _request(
            "ByColumn", "Rows to answer for, as one list of values a field.", columns=(columns, ...), ids=ids
        )
        self.feedback: type[FeedbackRequest] = create_model(
            "FeedbackRequest",
            __base__=FeedbackRequest,
            __doc__=FeedbackRequest.__doc__,
            labels=(Annotated[list[Label], many, FailFast()], ...),
        )

    def read(self, content: Any) -> Asked:
        """The rows of parsed JSON in any of the forms, None for an optional field that was left out.

        Raises Invalid that names the fields at fault, without their values.
        """
        if isinstance(content, dict) and "columns" in content:
            return self._of_columns(validate(self.columns, content))
        if isinstance(content, dict) and "record" in content:
            one: Any = validate(self.one, content)
            return Asked([self._row(one.record)], None if one.id is None else [one.id])
        if isinstance(content, dict) and "records" not in content:
            raise Invalid("the body holds no rows", [FieldProblem("records", _NO_ROWS)])
        many: Any = validate(self.many, content)
        return Asked([self._row(record) for record in many.records], distinct(many.ids, len(many.records)))

    def _of_columns(self, request: Any) -> Asked:
        found = [vars(request.columns)[slot] for slot in self._slots]
        lengths = {len(values) for values in found if values is not None}
        if len(lengths) != 1:
            raise Invalid("columns do not fit", [FieldProblem("columns", "should be equally long")])
        count = lengths.pop()
        whole = [[None] * count if values is None else values for values in found]
        return Asked(list(zip(*whole, strict=True)), distinct(request.ids, count))

    def _row(self, record: BaseModel) -> Row:
        values = vars(record)
        return tuple([values[slot] for slot in self._slots])

    def _model(self, name: str, fields: Sequence[tuple[Any, Any]]) -> type[BaseModel]:
        given: dict[str, Any] = dict(zip(self._slots, fields, strict=True))
        return create_model(name, __config__=_STRICT, **given)


def _request(name: str, doc: str, **fields: Any) -> type[BaseModel]:
    return create_model(name, __config__=_STRICT, __doc__=doc, **fields)


def distinct(ids: list[str] | None, count: int) -> list[str] | None:
    """Ids as many as rows and all different, or None. Raises Invalid."""
    if ids is not None and len(ids) != count:
        raise Invalid("ids do not fit", [FieldProblem("ids", "should be as many as records")])
    if ids is not None and len(set(ids)) != count:
        raise Invalid("ids do not fit", [FieldProblem("ids", "should differ from each other")])
    return ids


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
    kind = _kind(field)
    if field.required:
        return kind, Field(alias=field.name, title=field.name)
    return kind | None, Field(None, alias=field.name, title=field.name)


def _column(field: InputField, many: Any) -> tuple[Any, Any]:
    kind: Any = _kind(field)
    of_each: Any = list.__class_getitem__(kind if field.required else kind | None)
    values = Annotated[of_each, many, FailFast()]
    if field.required:
        return values, Field(alias=field.name, title=field.name)
    return values, Field(None, alias=field.name, title=field.name)


def _kind(field: InputField) -> Any:
    if field.dtype not in _KINDS:
        raise UserError(
            f"the model's input '{field.name}' has type {field.dtype}",
            expected=f"one of: {', '.join(_KINDS)}",
            next_step="train a model on such columns, then weighbridge release",
        )
    return _KINDS[field.dtype]
