"""Whether predictions were right, on the records whose labels have come."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from evaluation.errors import UserError
from evaluation.metrics.base import Metric, Sample
from evaluation.metrics.builtin import find_metric
from evaluation.stats.estimate import Question, Settings, estimate
from evaluation.stats.intervals import wilson
from evaluation.text.rows import score_rows
from evaluation.types import Estimate, Form, Outputs, Task, Verdict
from monitoring.checks.base import CONFIDENCE, WatchContext, inconclusive, judge
from monitoring.columns import as_classes, as_numbers, hides, is_number
from monitoring.config import PerformanceConfig, format_duration
from monitoring.types import Finding, Severity

NAME = "performance"
_SAYS = {Verdict.FAIL: "out of bounds", Verdict.PASS: "good", Verdict.INCONCLUSIVE: "undecided"}


@dataclass(frozen=True)
class Performance:
    """Measures the policy's metrics on the newest `window_records` labelled records; nothing without such
    metrics.

    Each interval (95 % on either side, the same that the gate uses) is compared with the metric's bound: a
    model whose true value is the bound itself raises an alarm in at most 5 % of passes over fresh labels.
    Fewer than `min_records` labels are INCONCLUSIVE.

    A label may be up to `labels.arrive_within` late. Older records without one miss it for good, and so do
    records whose label is no class of the model; their share is the finding `labels`. Labels that come
    early may not be typical of all: how many of the judged records are younger than `arrive_within` is in
    `detail`. Predictions or labels that were redacted before they were written leave all INCONCLUSIVE.
    """

    name: str = NAME

    def look(self, context: WatchContext) -> tuple[Finding, ...]:
        """One finding, `labels`, and one a metric, under the metric's name; or none."""
        if not context.config.performance:
            return ()
        if hidden := _hidden(context):
            problem = f"the log holds the {hidden} hashed or masked, as the policy says"
            subjects = ["labels", *(each.metric for each in context.config.performance)]
            return tuple(inconclusive(NAME, subject, problem) for subject in subjects)
        rows = _coded(context)
        return (_missing_labels(rows, context), *_metrics(rows, context))


def _hidden(context: WatchContext) -> str | None:
    history, reference = context.windows.history, context.reference
    for name in ("prediction", "target"):
        known = reference[name] if name in reference.columns else reference["prediction"]
        if hides(history[name], known):
            return name
    return None


def _coded(context: WatchContext) -> pl.DataFrame:
    """The history as (at, target, label, score): class codes, numbers or texts, null where there is none."""
    history = context.windows.history
    if context.task.form is Form.NUMBER:
        target, label = (_finite(history[name]) for name in ("target", "prediction"))
    elif context.task.form is Form.TEXT:
        target, label = (_texts(history[name]) for name in ("target", "prediction"))
    else:
        codes = _class_codes(context)
        target, label = (
            as_classes(history[name]).replace_strict(codes, default=None, return_dtype=pl.Int64)
            for name in ("target", "prediction")
        )
    return pl.DataFrame([history["at"], target.alias("target"), label.alias("label"), history["score"]])


def _finite(series: pl.Series) -> pl.Series:
    numbers = series.cast(pl.Float64, strict=False)
    return numbers.to_frame("x").select(pl.when(pl.col("x").is_finite()).then("x")).to_series()


def _texts(series: pl.Series) -> pl.Series:
    """Texts as they are; what is no text is none."""
    return series if series.dtype == pl.String else pl.Series(series.name, [None] * series.len(), pl.String)


def _class_codes(context: WatchContext) -> dict[str, int]:
    """The code of every class, in the order in which `evaluation.samples` sorts them.

    Classes are those that the reference holds and those that the model has answered since. Raises UserError
    where a binary task has not two of them.
    """
    frames = [
        (context.reference, "target"),
        (context.reference, "prediction"),
        (context.windows.history, "prediction"),
    ]
    found = [frame[name].drop_nulls().unique() for frame, name in frames if name in frame.columns]
    whole = all(is_number(series) for series in found)
    names = set().union(*(as_classes(series).drop_nulls() for series in found))
    order = sorted(names, key=float) if whole else sorted(names)
    if context.task is Task.BINARY:
        order = ["0", "1"] if names <= {"0", "1"} else order
        if len(order) != 2:
            raise UserError(f"{len(order)} classes in a binary task: {', '.join(order[:6])}")
    return {name: code for code, name in enumerate(order)}


def _metrics(rows: pl.DataFrame, context: WatchContext) -> list[Finding]:
    wanted, needed = context.config.performance, context.config.min_records
    judged = rows.drop_nulls("target").tail(context.config.window_records)
    problem = None
    if judged.height < needed:
        problem = f"{judged.height} labels have come, {needed} are needed"
    elif unanswered := judged["label"].null_count():
        problem = f"{unanswered} of {judged.height} labelled records hold no prediction"
    if problem:
        return [inconclusive(NAME, each.metric, problem, n=judged.height) for each in wanted]
    metrics = [find_metric(each.metric) for each in wanted]
    sample = _sample(judged, context.task, metrics)
    early = int((judged["at"] > context.now - context.config.labels.arrive_within).sum())
    questions = [Question(metric, sample) for metric in metrics]
    answers = estimate(questions, Settings(confidence=CONFIDENCE, min_rows=needed))
    return [_finding(each, answer.estimate, early) for each, answer in zip(wanted, answers, strict=True)]


def _sample(judged: pl.DataFrame, task: Task, metrics: Sequence[Metric]) -> Sample:
    """The labelled records as metrics see them; what is measured of texts is measured here."""
    target, label = judged["target"].to_numpy(), judged["label"].to_numpy()
    said = score_rows(Outputs(label), metrics, target=target, inputs=judged)
    scored = task is Task.BINARY and not judged["score"].null_count()
    return Sample(
        target,
        label,
        as_numbers(judged["score"]) if scored else None,
        row_scores=said.row_scores,
        row_problems=said.row_problems,
    )


def _finding(wanted: PerformanceConfig, found: Estimate, early: int) -> Finding:
    verdict = judge(found, at_least=wanted.at_least, at_most=wanted.at_most)
    if found.value is None or found.low is None or found.high is None:
        return inconclusive(NAME, wanted.metric, found.problem or "no interval", n=found.n)
    bound = f"at least {wanted.at_least:g}" if wanted.at_least is not None else f"at most {wanted.at_most:g}"
    evidence = (
        f"between {found.low:.4g} and {found.high:.4g} on {found.n} labelled records; wanted is {bound}"
    )
    if found.problem:
        evidence += f"; {found.problem}"
    return Finding(
        check=NAME,
        subject=wanted.metric,
        verdict=verdict,
        severity=Severity.CRITICAL if verdict is Verdict.FAIL else Severity.INFO,
        message=f"{wanted.metric} {found.value:.4g} is {_SAYS[verdict]} ({evidence})",
        estimate=found,
        bound=wanted.at_least if wanted.at_least is not None else wanted.at_most,
        detail={"younger_than_arrive_within": early},
    )


def _missing_labels(rows: pl.DataFrame, context: WatchContext) -> Finding:
    """What share of the records that are old enough never got a label."""
    limits, within = context.config.labels, format_duration(context.config.labels.arrive_within)
    due = rows.filter(pl.col("at") <= context.now - limits.arrive_within)
    if due.is_empty():
        problem = f"no record is older than {within}, when its label is due"
        if rows.height >= limits.history_records:
            problem += f"; {rows.height} records were searched, raise monitor.labels.history_records"
        return inconclusive(NAME, "labels", problem)
    missing = due["target"].null_count()
    share, interval = missing / due.height, wilson(missing, due.height)
    low, high = interval.limits(1 - CONFIDENCE)
    found = Estimate(share, low, high, due.height, CONFIDENCE, interval.method)
    verdict = judge(found, at_most=limits.missing_at_most)
    return Finding(
        check=NAME,
        subject="labels",
        verdict=verdict,
        severity=Severity.WARNING if verdict is Verdict.FAIL else Severity.INFO,
        message=f"{share:.1%} of the {due.height} records older than {within} have no label",
        estimate=found,
        bound=limits.missing_at_most,
        detail={"due": due.height, "missing": missing},
    )
