"""What an evaluation will lack, told before anything is asked: values of metrics, and keys of language models."""

from collections.abc import Mapping

from evaluation.llm.config import EndpointConfig
from evaluation.llm.connection import key_problem
from evaluation.metrics.base import Need
from mlops.config import Policy
from mlops.project import Project
from mlops.release.asking import measured, unready_metrics
from mlops.release.judging import judges_of, void_judges


def without_value(project: Project) -> dict[str, str]:
    """The metrics that will be inconclusive whatever is answered, and why, by their names.

    Raises UserError where the policy does not say what a metric must be told, and for files of a judge that can't be
    read.
    """
    return unready_metrics(project) | void_judges(project)


def endpoints(policy: Policy) -> Mapping[str, EndpointConfig]:
    """The language models that an evaluation asks, by their place in the policy; what a chain asks is its own."""
    found = {}
    if policy.generate is not None and policy.generate.chain is None:
        found["generate.endpoint"] = policy.generate.endpoint
    found |= {f"gate.judges.{judge.name}.endpoint": judge.endpoint for judge in judges_of(policy.gate)}
    ragas = policy.texts.ragas.judge
    if ragas is not None and any(Need.JUDGE in metric.needs for metric in measured(policy)):
        found["texts.ragas.judge"] = ragas
    return found


def missing_keys(policy: Policy) -> list[str]:
    """A sentence on every environment variable that has no key for whom an evaluation asks."""
    asked: dict[str, list[str]] = {}
    for place, endpoint in endpoints(policy).items():
        if (problem := key_problem(endpoint.key)) is not None:
            asked.setdefault(problem, []).append(place)
    return [
        f"{problem}, and evaluate asks {' and '.join(places)} with it" for problem, places in asked.items()
    ]
