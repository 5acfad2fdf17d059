"""The candidates that a policy names, each as the policy would be with it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import PurePath
from typing import Any

import yaml
from pydantic import ValidationError

from evaluation.errors import UserError
from mlops.compare.config import CompareConfig
from mlops.config import FILE_NAME, Policy
from mlops.generation.config import OF_A_PROMPT, GenerateConfig, short_chain
from mlops.project import Project


@dataclass(frozen=True)
class Candidate:
    """One way to make the model.

    policy: the project's, with this candidate in it and asked as often as the comparison says. patch: what it
    changes; section: what weighbridge.yaml would say with it. Both are as written there, names of variables and all.
    """

    name: str
    policy: Policy
    patch: Mapping[str, Any]
    section: Mapping[str, Any]

    @property
    def yaml(self) -> str:
        """What to put into weighbridge.yaml, in place of the section of that name."""
        return yaml.safe_dump(dict(self.section), sort_keys=False, allow_unicode=True)


def candidates(project: Project) -> list[Candidate]:
    """Every candidate, in the order of the policy.

    Raises UserError where two have one name, and where a section would not be valid with one's changes.
    """
    settings, written = require_compare(project.policy), _written(project)
    filled = list(_patches(settings.model_dump(include={"candidates", "matrix"})))
    as_written = list(_patches(written["compare"]))
    names = [name for name, _ in as_written]
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise UserError(
            f"compare: two candidates are named '{twice[0]}'",
            expected="every candidate under its own name",
            next_step=f"rename one under compare.candidates in {FILE_NAME}",
        )
    return [
        Candidate(
            name,
            _patched(project.policy, settings, name, patch),
            written_patch,
            _section(written, written_patch),
        )
        for (name, written_patch), (_, patch) in zip(as_written, filled, strict=True)
    ]


def require_compare(policy: Policy) -> CompareConfig:
    """The section of that name; raises UserError where the policy has none."""
    if policy.compare is None:
        raise UserError(
            f"{FILE_NAME} has no section `compare`",
            expected="compare: {by: METRIC, candidates: {NAME: {...}, NAME: {...}}}",
            next_step="add it; docs/compare.md shows how",
        )
    return policy.compare


def merged(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A section with a candidate's changes, key by key.

    What is itself a mapping is merged likewise, but for an endpoint with another `url`: what was said of the one
    address, such as the name of its key, is never sent to the other.

    >>> merged({"prompt": "a.txt", "sampling": {"seed": 1}}, {"sampling": {"temperature": 0.7}})
    {'prompt': 'a.txt', 'sampling': {'seed': 1, 'temperature': 0.7}}
    """
    found = dict(base)
    for key, value in patch.items():
        there = found.get(key)
        if isinstance(value, Mapping) and isinstance(there, Mapping) and "url" not in value:
            found[key] = merged(there, value)
        else:
            found[key] = value
    return found


def _patches(compare: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, patch in (compare.get("candidates") or {}).items():
        yield str(name), patch or {}
    matrix = compare.get("matrix") or {}
    for values in product(*matrix.values()) if matrix else ():
        yield ", ".join(map(_named, values)), dict(zip(matrix, values, strict=True))


def _named(value: object) -> str:
    """A value as a part of a candidate's name.

    >>> _named("prompts/plain.txt"), _named({"temperature": 0.7, "top_p": 0.9})
    ('plain', 'temperature=0.7 top_p=0.9')
    """
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_named(item)}" for key, item in value.items()) or "as it is"
    text = str(value)
    return PurePath(text).stem if text.endswith(".txt") else text


def _written(project: Project) -> dict[str, Any]:
    """The policy as its file has it, with the names of environment variables and not what they hold."""
    content = yaml.safe_load((project.folder / FILE_NAME).read_text(encoding="utf-8"))
    if isinstance(content.get("train"), str):
        content["train"] = {"entrypoint": content["train"]}
    if content.get("generate", {}).get("chain"):
        content["generate"]["chain"] = short_chain(content["generate"]["chain"])
    return dict(content)


def _section(written: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    if "generate" in written:
        return {"generate": merged(_of_one_kind(written["generate"], patch), patch)}
    train = written["train"]
    return {"train": {**train, "params": merged(train.get("params") or {}, patch)}}


def _of_one_kind(base: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A candidate that is a chain has nothing of the policy's prompt, and the other way round."""
    left_out = set(OF_A_PROMPT) if "chain" in patch else {"chain"} if "prompt" in patch else set()
    return {key: value for key, value in base.items() if key not in left_out}


def _patched(policy: Policy, settings: CompareConfig, name: str, patch: Mapping[str, Any]) -> Policy:
    """The policy with a candidate in it; its gate is only told how often each case is asked."""
    changed: dict[str, Any] = {"gate": policy.gate.model_copy(update={"repeats": settings.repeats})}
    if policy.generate is not None:
        base = policy.generate.model_dump(exclude_unset=True)
        try:
            changed["generate"] = GenerateConfig.model_validate(merged(_of_one_kind(base, patch), patch))
        except ValidationError as error:
            raise _explained(name, error) from None
    elif policy.train is not None:
        params = merged(policy.train.params, patch)
        changed["train"] = policy.train.model_copy(update={"params": params})
    return policy.model_copy(update=changed)


def _explained(name: str, error: ValidationError) -> UserError:
    """Values are left out of the message, they may be secrets."""
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(map(str, ("compare", "candidates", name, *first["loc"])))
    known = ", ".join(GenerateConfig.model_fields)
    unknown = first["type"] == "extra_forbidden"
    return UserError(
        f"unknown key '{place}'" if unknown else f"{place}: {first['msg']}",
        expected=f"a change of `generate`, whose keys are {known}",
        next_step=f"correct it in {FILE_NAME}",
    )
