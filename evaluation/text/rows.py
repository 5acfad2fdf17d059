"""Answers in text with all that is known of them: the sole input of what measures them."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evaluation.errors import NotInstalled, UserError
from evaluation.metrics.base import Metric
from evaluation.text.config import TextConfig
from evaluation.types import FloatArray, Outputs

_LOG = logging.getLogger(__name__)

# Columns of Outputs.facts, in their order.
FACTS: Mapping[str, pl.DataType] = {
    "problem": pl.String(),
    "prompt": pl.String(),
    "contexts": pl.List(pl.String()),
    "sources": pl.List(pl.String()),
    "prompt_tokens": pl.Int64(),
    "completion_tokens": pl.Int64(),
    "first_token_ms": pl.Float64(),
    "latency_ms": pl.Float64(),
    "cost": pl.Float64(),
    "finish_reason": pl.String(),
}


@dataclass(frozen=True, eq=False)
class TextRows:
    """n answers, what they answer, and what they should say.

    answers: (n,) texts. references: the texts that each may be compared with, none or several.
    inputs: (n, columns) the cases as the table has them. facts: (n, columns of FACTS), None where nothing is
    known of how the answers came about. settings: what the policy says of texts. replies: the file of kept replies,
    for what asks a language model; None keeps none.

    >>> rows = TextRows(["a blue mug"], [("a mug",)], pl.DataFrame({"title": ["MUG BLUE"]}))
    >>> rows.n, rows.prompts, rows.contexts
    (1, [''], [()])
    """

    answers: Sequence[str]
    references: Sequence[tuple[str, ...]]
    inputs: pl.DataFrame
    facts: pl.DataFrame | None = None
    settings: TextConfig = field(default_factory=TextConfig)
    replies: Path | None = None
    # What several metrics need, such as tokens or vectors, made once.
    shared: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        answers: Sequence[str],
        *references: str | tuple[str, ...],
        settings: TextConfig = TextConfig(),  # noqa: B008 - frozen
        **facts: Sequence[Any],
    ) -> "TextRows":
        """Answers with one reference each, or several, or none, and what is known of each by the name of the fact.

        >>> TextRows.of(["a red mug"], "a mug", prompt=["MUG RED"]).prompts
        ['MUG RED']
        """
        each = [(given,) if isinstance(given, str) else given for given in references] or [()] * len(answers)
        known = pl.DataFrame({name: list(values) for name, values in facts.items()})
        return cls(list(answers), each, known, facts=known if facts else None, settings=settings)

    @property
    def n(self) -> int:
        """How many answers."""
        return len(self.answers)

    @cached_property
    def prompts(self) -> list[str]:
        """What the model was asked, empty where that is not known."""
        return [text or "" for text in self._fact("prompt")]

    @cached_property
    def contexts(self) -> list[tuple[str, ...]]:
        """The passages that each answer was given, best first."""
        return [tuple(found or ()) for found in self._fact("contexts")]

    @cached_property
    def sources(self) -> list[tuple[str, ...]]:
        """The ids of all passages that were found, best first; the prompt may have got fewer."""
        return [tuple(found or ()) for found in self._fact("sources")]

    def fact(self, name: str) -> FloatArray:
        """A number of FACTS for each answer, (n,), NaN where it is not known."""
        return np.array([np.nan if value is None else value for value in self._fact(name)], dtype=np.float64)

    def column(self, name: str) -> list[Any]:
        """A column of the cases; raises UserError where the table has none of that name."""
        if name not in self.inputs.columns:
            raise UserError(
                f"the cases have no column '{name}'", expected=f"one of: {', '.join(self.inputs.columns)}"
            )
        return self.inputs[name].to_list()

    def _fact(self, name: str) -> list[Any]:
        if self.facts is None or name not in self.facts.columns:
            return [None] * self.n
        return self.facts[name].to_list()


@dataclass(frozen=True, eq=False)
class Scored:
    """What a scorer made of n answers: values, (n,) or (n, k), NaN where there is none, and (n,) why that is."""

    values: FloatArray
    problems: Sequence[str | None]

    @classmethod
    def nothing(cls, n: int, problem: str) -> "Scored":
        """No value for any of n answers, for one reason."""
        return cls(np.full(n, np.nan), [problem] * n)


def references_of(target: NDArray[Any]) -> list[tuple[str, ...]]:
    """The texts that a target names: one, or a list of them, without those that are absent.

    >>> references_of(np.array(["a mug", ["one", "two"], None], dtype=object))
    [('a mug',), ('one', 'two'), ()]
    """
    return [tuple(_texts(value)) for value in target.tolist()]


def _texts(value: object) -> Iterable[str]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Iterable):
        return (str(each) for each in value if each is not None)
    return (str(value),)


def score_rows(  # noqa: PLR0913 - keyword-only settings with defaults
    outputs: Outputs,
    metrics: Iterable[Metric],
    *,
    target: NDArray[Any],
    inputs: pl.DataFrame,
    settings: TextConfig = TextConfig(),  # noqa: B008 - frozen
    replies: Path | None = None,
    progress: Callable[[float], None] | None = None,
) -> Outputs:
    """Measure every answer by each metric that has a scorer; answers that are no texts are left as they are.

    inputs: (n, columns) the cases. replies: the file of replies that scorers keep and find. A row without answer
    gets NaN, and the scorers never see it. A scorer that raises UserError has not been given what it needs, which
    is raised. NotInstalled, and any other error, is a failure of that scorer alone: every row is NaN and says why,
    and the metric is then inconclusive.
    """
    scored = {metric.name: metric for metric in metrics if metric.scorer is not None}
    if not scored:
        return outputs
    answered = np.flatnonzero([isinstance(label, str) for label in outputs.labels.tolist()])
    part = outputs.at(answered)
    rows = TextRows(
        answers=part.labels.tolist(),
        references=references_of(target[answered]),
        inputs=inputs[answered],
        facts=part.facts,
        settings=settings,
        replies=replies,
    )
    values, problems = dict(outputs.row_scores), dict(outputs.row_problems)
    for done, (name, metric) in enumerate(scored.items(), start=1):
        found = _score(metric, rows)
        values[name] = np.full((len(outputs.labels), *found.values.shape[1:]), np.nan)
        values[name][answered] = found.values
        if any(found.problems):
            problems[name] = np.full(len(outputs.labels), None, dtype=object)
            problems[name][answered] = list(found.problems)
        if progress is not None:
            progress(done / len(scored))
    return replace(outputs, row_scores=values, row_problems=problems)


def _score(metric: Metric, rows: TextRows) -> Scored:
    if metric.scorer is None or rows.n == 0:
        return Scored.nothing(rows.n, "no answers")
    try:
        said = metric.scorer(rows)
        values = np.asarray(said.values if isinstance(said, Scored) else said, dtype=np.float64)
    except NotInstalled as error:
        return Scored.nothing(rows.n, error.problem)
    except UserError:
        raise
    except ModuleNotFoundError as error:
        return Scored.nothing(rows.n, not_installed(error).problem)
    except Exception as error:  # noqa: BLE001 - a plug-in failed: a record, not a crash
        return Scored.nothing(rows.n, f"{type(error).__name__}: {error}"[:300])
    if values.ndim == 0 or len(values) != rows.n:
        return Scored.nothing(rows.n, f"gave values of shape {values.shape} for {rows.n:,} answers")
    problems = said.problems if isinstance(said, Scored) else (None,) * rows.n
    return Scored(np.where(np.isfinite(values), values, np.nan), problems)


def not_installed(error: ModuleNotFoundError) -> NotInstalled:
    """What is said of a module that a scorer could not import.

    >>> not_installed(ModuleNotFoundError(name="sacrebleu")).problem
    "sacrebleu is not installed: pip install 'weighbridge[llm,text]', unless it is a scorer of your own that wants it"
    """
    return NotInstalled(
        f"{error.name} is not installed",
        next_step="pip install 'weighbridge[llm,text]', unless it is a scorer of your own that wants it",
    )


def unready(metrics: Iterable[Metric], cases: pl.DataFrame, settings: TextConfig) -> dict[str, str]:
    """What is missing for metrics of texts, by name, found before there are any answers.

    cases: a table with the columns of the cases. Each scorer is given no answer, and asks no language model
    then. Raises UserError where the policy does not say what a metric must be told.

    >>> def judged(rows):
    ...     raise NotInstalled("no judge here", next_step="pip install judge")
    >>> from evaluation.text.declare import mean_of
    >>> unready([mean_of(judged)], pl.DataFrame({"title": []}), TextConfig())
    {'judged': 'no judge here: pip install judge'}
    """
    missing: dict[str, str] = {}
    for metric in metrics:
        if metric.scorer is None:
            continue
        try:
            metric.scorer(TextRows([], [], cases.clear(), settings=settings))
        except NotInstalled as error:
            missing[metric.name] = error.problem
        except UserError:
            raise
        except ModuleNotFoundError as error:
            missing[metric.name] = not_installed(error).problem
        except Exception as error:  # noqa: BLE001 - it may do better with answers; those are measured later
            _LOG.debug("%s of no answers: %s", metric.name, error)
    return missing
