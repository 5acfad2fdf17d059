"""What a decision record holds, as models; `docs/decision-record.schema.json` is made from them."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from evaluation.config import GateConfig
from evaluation.types import CheckKind, Consequence, Direction, Task, Tier, Verdict

SCHEMA_VERSION = 3

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256, 64 hexadecimal digits.")]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(min_length=1)]
Json = dict[str, JsonValue]


class Part(BaseModel):
    """Base of every part: nothing is left out, nothing else is in it, nothing is converted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Release(Part):
    """Which attempt was decided on."""

    id: Name
    model: Name = Field(description="Name of the model in the registry.")
    task: Task
    created_at: datetime = Field(description="When the release began.")
    commit: str | None = Field(description="Commit of the project, null outside of git.")
    branch: str | None
    dirty: bool = Field(description="Whether the project had changes that were not committed.")


class Policy(Part):
    """What it was judged by."""

    digest: Digest = Field(description="SHA-256 of the whole policy.")
    gate: GateConfig = Field(description="The section `gate`, with the defaults filled in.")


class Table(Part):
    """A table as it was read."""

    path: str = Field(description="As configured.")
    sha256: Digest
    rows: Count
    columns: Count
    bytes: Count


class Data(Part):
    """What it was trained and judged on."""

    train: Table
    evaluate: Table


class Training(Part):
    """How the model was made, and what came of it."""

    entrypoint: str = Field(description="module:function")
    seed: int
    params: dict[str, Any]
    requirements: tuple[str, ...]
    trusted_types: tuple[str, ...]
    run_id: str = Field(description="Run in MLflow.")
    model_uri: str
    model_digest: Digest = Field(description="SHA-256 over paths and content of the model's files.")
    packages: dict[str, str] = Field(description="Versions of Python and of the packages that shape a model.")


class DataCheck(Part):
    """One thing that had to hold of the data."""

    name: Name
    verdict: Verdict
    message: str
    detail: Json


class Validation(Part):
    """Whether the data were what the policy says."""

    verdict: Verdict
    checks: tuple[DataCheck, ...]


class Champion(Part):
    """Who the challenger was compared with."""

    version: Name
    release_id: str | None
    model_digest: Digest | None
    problem: str | None = Field(description="Why it could not be asked, null where it answered.")


class Trial(Part):
    """One thing that a judge was tried for."""

    name: Name
    verdict: Verdict
    reason: str
    at_least: float | None
    at_most: float | None
    value: float | None
    low: float | None = Field(description="One-sided lower limit.")
    high: float | None = Field(description="One-sided upper limit.")
    n: Count
    unit: str
    method: str
    problem: str | None


class Judge(Part):
    """A language model that scored answers, and whether it could be believed."""

    judge: Name
    digest: Digest = Field(
        description="SHA-256 of all that decides what it says: prompt, scale, model, sampling."
    )
    model: Name
    rubric: str
    problem: str | None = Field(description="Why its scores are void, null where they count.")
    trials: tuple[Trial, ...]
    asked: Count
    failures: dict[str, Count] = Field(description="Replies that were no score, by reason.")


class Estimate(Part):
    """A value with its interval; null where there was none, and `problem` says why."""

    value: float | None
    low: float | None = Field(description="One-sided lower limit.")
    high: float | None = Field(description="One-sided upper limit.")
    n: Count = Field(description="How many were sampled independently.")
    confidence: Share = Field(description="Of each limit.")
    method: str
    problem: str | None
    unit: str = Field(description="What n counts.")


class Waiver(Part):
    """An exception that someone answers for."""

    check: Name = Field(description="The check's id, or a pattern.")
    owner: Name
    reason: Name
    until: date = Field(description="The last day on which it holds.")


class Check(Part):
    """One check, judged."""

    id: Name
    metric: Name
    kind: CheckKind
    direction: Direction
    comparison: str
    bound: float
    estimate: Estimate
    challenger: float | None
    champion: float | None
    rows: dict[str, str] = Field(description="The slice, empty for all rows.")
    groups: tuple[str, ...] = Field(description="Sensitive columns of a bias metric.")
    detail: Json = Field(description="Values by group.")
    tier: Tier
    family: str | None = Field(description="Checks of one family are told to fail only together.")
    p_pass: Share | None = Field(description="Smallest error at which this alone would pass.")
    p_fail: Share | None = Field(description="Smallest error at which this alone would fail.")
    p_fail_adjusted: Share | None = Field(description="p_fail after Holm's correction over the family.")
    needed: Count | None = Field(description="Units that would decide, were the value to stay.")
    resolvable: float | None = Field(description="Least distance from the bound that these rows decide.")
    verdict: Verdict
    reason: str
    waiver: Waiver | None = Field(description="What takes this check out of the verdict.")


class Allowance(Part):
    """How much error this decision was allowed, of which share."""

    alpha: Share
    level: Share = Field(description="What every limit was taken at.")
    candidate: int = Field(ge=1, description="This is the k-th challenger that the holdout judges.")
    candidates: int = Field(ge=1)
    looks: tuple[Count, ...] = Field(description="Rows at each look at this challenger, this one last.")
    planned_rows: Count | None
    overlap: Share = Field(description="Share of the holdout's rows that earlier decisions have seen.")
    problem: str | None = Field(description="Why nothing was left to spend.")


class Software(Part):
    """What decided."""

    weighbridge: Name


class Record(Part):
    """A decision on one release of a model, and everything that it rests on."""

    schema_version: Literal[3]
    kind: Literal["decision"]
    release: Release
    decided_at: datetime
    policy: Policy
    data: Data
    training: Training | None = Field(description="Null where the data did not validate.")
    validation: Validation
    champion: Champion | None = Field(description="Null where there was none yet.")
    judges: tuple[Judge, ...]
    evidence: dict[str, Digest] = Field(description="SHA-256 of every file that the decision was taken from.")
    advice: Json = Field(description="What helps people and decides nothing.")
    verdict: Verdict
    consequence: Consequence = Field(
        description="promote: may serve. hold: may wait in the registry for a person. stop: neither."
    )
    checks: tuple[Check, ...]
    not_compared: tuple[tuple[str, str], ...] = Field(
        description="Checks that need a champion when there is none, each with the reason."
    )
    allowance: Allowance | None
    notes: tuple[str, ...] = Field(description="Sentences for people, such as a waiver that has expired.")
    software: Software


def json_schema() -> dict[str, Any]:
    """JSON schema of a record, draft 2020-12."""
    found = Record.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "Decision record"}
