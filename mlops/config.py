"""weighbridge.yaml, read strictly: the sections of the three packages composed into one policy."""

import difflib
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from evaluation.config import GateConfig
from evaluation.errors import UserError
from evaluation.hygiene.config import HygieneConfig
from evaluation.section import Section
from evaluation.text.config import TextConfig
from evaluation.types import Form, Task
from mlops.compare.config import CompareConfig
from mlops.generation.config import ENTRYPOINT, FUNCTION, GenerateConfig
from mlops.serving.config import ServeConfig
from monitoring.config import AlertConfig, MonitorConfig

FILE_NAME = "weighbridge.yaml"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"


class DataConfig(Section):
    """The files and what their columns are."""

    train: str = Field(description="Parquet or CSV, relative to this file.")
    evaluate: str = Field(description="The holdout that the gate weighs on.")
    target: str
    ignore: tuple[str, ...] = Field(
        (), description="Columns that are not features, such as ids or sensitive groups."
    )
    expectations: str | None = Field(None, description="A Great Expectations suite as YAML.")
    hygiene: HygieneConfig = Field(
        default_factory=HygieneConfig, description="What is looked for in columns with texts."
    )


class TrainConfig(Section):
    """How a model is made."""

    entrypoint: str = Field(pattern=FUNCTION, description="module:function")
    seed: int = Field(0, ge=0, lt=2**32)
    params: dict[str, Any] = Field(default_factory=dict, description="Passed to the function by name.")
    requirements: tuple[str, ...] = Field(
        (), description="What the model needs beyond what its flavour names."
    )
    trusted_types: tuple[str, ...] = Field(
        (), description="Types outside scikit-learn that its file may hold."
    )


def _short_train(value: object) -> object:
    return {"entrypoint": value} if isinstance(value, str) else value


class RolloutConfig(Section):
    """How a new champion takes over."""

    target: Literal["local", "docker"] = "local"
    ready_within_s: float = Field(60, gt=0, le=3600)


class Policy(Section):
    """The whole of weighbridge.yaml."""

    model: str = Field(pattern=_NAME)
    task: Task = Task.BINARY
    data: DataConfig
    train: Annotated[TrainConfig | None, BeforeValidator(_short_train)] = None
    generate: GenerateConfig | None = Field(
        None, description="A prompt and who answers it, or a chain, in place of `train`."
    )
    texts: TextConfig = Field(default_factory=TextConfig, description="What measuring texts must be told.")
    gate: GateConfig
    compare: CompareConfig | None = Field(
        None, description="Candidates to choose between, on cases that the gate does not weigh on."
    )
    serve: ServeConfig = ServeConfig()
    rollout: RolloutConfig = RolloutConfig()
    monitor: MonitorConfig = MonitorConfig()
    alerts: tuple[AlertConfig, ...] = ()

    @model_validator(mode="after")
    def _is_made_one_way(self) -> "Policy":
        if (self.train is None) is (self.generate is None):
            msg = "a policy has either train or generate"
            raise ValueError(msg)
        if self.generate is not None and self.task.form is not Form.TEXT:
            msg = "generate makes a model that writes: set task: generation or task: rag"
            raise ValueError(msg)
        return self

    @property
    def training(self) -> TrainConfig:
        """How the model is made, whichever section says so."""
        if self.train is not None:
            return self.train
        # Where there is no `train`, the validator saw to `generate`.
        made = cast("GenerateConfig", self.generate)
        return TrainConfig(
            entrypoint=ENTRYPOINT, seed=made.seed, params=made.params, requirements=made.requirements
        )

    @property
    def challenger(self) -> TrainConfig:
        """Of `training`, what makes a challenger the same one as before."""
        if self.generate is None:
            return self.training
        return self.training.model_copy(update={"params": self.generate.answers_hang_on})

    @property
    def prompts(self) -> tuple[str, ...]:
        """The files of its prompts, for a model that writes."""
        return () if self.generate is None else self.generate.prompts

    @property
    def files(self) -> tuple[str, ...]:
        """Other files and folders that a model that writes is made of."""
        return () if self.generate is None else self.generate.files

    @property
    def served(self) -> ServeConfig:
        """How it is served, with the names of all variables that the model reads."""
        if self.generate is None:
            return self.serve
        names = dict.fromkeys([*self.serve.environment, *self.generate.environment])
        return self.serve.model_copy(update={"environment": tuple(names)})

    @property
    def digest(self) -> str:
        """SHA-256 over the policy as JSON with sorted keys.

        Addresses of alerts are left out, they may be secrets; so are candidates that no release knows of.
        """
        content = self.model_dump(mode="json", exclude={"alerts", "compare"})
        return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def load_policy(path: Path) -> Policy:
    """Read and check a policy file.

    Raises UserError for a missing file, bad YAML, an unknown key (with the nearest known one), a wrong value or an
    environment variable that is not set.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"no readable policy at {path}: {error.__class__.__name__}",
            expected=f"a UTF-8 file named {FILE_NAME}",
            next_step="weighbridge --project DIR, where DIR holds it",
        ) from error
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not YAML: {error}", expected="a mapping of sections") from error
    if not isinstance(content, dict):
        raise UserError(
            f"{path} holds {type(content).__name__}", expected="a mapping that starts with `model: NAME`"
        )
    try:
        # Addresses of alerts are secrets that only the monitor needs; they stay names until it asks.
        alerts = content.pop("alerts", None)
        content = _expand(content, path)
        return Policy.model_validate(content if alerts is None else {**content, "alerts": alerts})
    except ValidationError as error:
        raise _explain(error, path) from None


def resolved_alerts(policy: Policy, path: Path) -> tuple[AlertConfig, ...]:
    """The alerts with their addresses filled in; raises UserError when a variable is not set."""
    return tuple(alert.model_copy(update={"to": _expand(alert.to, path)}) for alert in policy.alerts)


def _expand(value: Any, path: Path) -> Any:
    """Replace ${NAME} in every string by the environment's value."""
    if isinstance(value, dict):
        return {key: _expand(item, path) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, path) for item in value]
    if isinstance(value, str):
        return re.sub(r"\$\{([A-Za-z_]\w*)\}", lambda match: _variable(match[1], path), value)
    return value


def _variable(name: str, path: Path) -> str:
    if (found := os.environ.get(name)) is None:
        raise UserError(
            f"{path} names ${{{name}}}, which is not set",
            expected=f"the environment variable {name}",
            next_step=f"export {name}=...",
        )
    return found


def _explain(error: ValidationError, path: Path) -> UserError:
    """Turn one of pydantic's complaints into a message; input values are left out, they may be secrets.

    A misspelt key comes first: that another one is missing is often its consequence.
    """
    complaints = error.errors(include_input=False, include_url=False)
    first = min(complaints, key=lambda item: item["type"] != "extra_forbidden")
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return UserError(
            f"{path}: {place or 'the file'}: {first['msg']}",
            expected="the schema printed by `weighbridge schema`",
            next_step=f"correct {place or 'the file'} in {path.name}",
        )
    key = str(first["loc"][-1])
    known = _known_keys(first["loc"][:-1])
    near = difflib.get_close_matches(key, known, n=1)
    return UserError(
        f"{path}: unknown key '{place}'",
        expected=f"one of: {', '.join(sorted(known))}",
        next_step=f"did you mean '{near[0]}'?" if near else f"remove it from {path.name}",
    )


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """Keys that are known at a location, read from the JSON schema so that it cannot fall behind the models."""
    schema = Policy.model_json_schema()
    node: dict[str, Any] = schema
    for part in location:
        node = _resolve(node, schema)
        node = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
    return list(_resolve(node, schema).get("properties", {}))


def _resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    for option in node.get("anyOf", [node]):
        if "$ref" in option:
            return dict(schema["$defs"][option["$ref"].rsplit("/", 1)[-1]])
    return node
