"""Whether inputs and predictions still look as they did when the model was weighed."""

from dataclasses import dataclass

import polars as pl

from evaluation.types import Estimate, Form, Verdict
from monitoring.checks.base import CONFIDENCE, WatchContext, inconclusive, judge
from monitoring.columns import as_classes, as_numbers, filled, hides, is_number
from monitoring.profiles.compare import Distance, compare_categories, compare_numbers, compare_sets
from monitoring.profiles.sources import IDS, Answered, measure_sources
from monitoring.profiles.text import is_text, measure_texts
from monitoring.store.base import SOURCES
from monitoring.types import Finding, Severity
from monitoring.windows import INPUT_PREFIX

NAME = "drift"


@dataclass(frozen=True)
class Drift:
    """Compares every column of the window with the reference; one finding a column.

    The rule, with D the largest difference of shares (see `monitoring.profiles.compare`) and t the tolerance:

    - FAIL when the lower limit of D is above t. It is taken at error false_alarms_per_month / passes per
      month / columns (Bonferroni), so that without drift the passes of 30 days are expected to raise at
      most `false_alarms_per_month` alarms over all columns together, whether or not windows overlap or
      columns depend on each other. As t is above 0 they are rarer still.
    - PASS when the upper limit (95 %, one-sided) is at most t: a column that truly lies t away is cleared
      in at most 5 % of passes.
    - INCONCLUSIVE between the two: the window can't tell on which side of t the column lies. Fewer records
      make this zone wider, so that no column passes on too few. So is a column without a value on either
      side, one that only the window has, and one whose type has changed.
    """

    name: str = NAME

    def look(self, context: WatchContext) -> tuple[Finding, ...]:
        """One finding a column, of texts and sources one for each thing measured; its method tells its error."""
        pairs = [pair for subject in _subjects(context) for pair in _pairs(subject, context)]
        error = context.alarm_error / max(1, len(pairs))
        return tuple(_look_at(pair, context, error) for pair in pairs)


@dataclass(frozen=True)
class _Pair:
    """Two columns to compare; `aspect` is what was measured of texts or sources, empty for the column itself."""

    subject: str
    reference: pl.Series
    current: pl.Series
    aspect: str = ""

    @property
    def name(self) -> str:
        return f"{self.subject}: {self.aspect}" if self.aspect else self.subject


def _subjects(context: WatchContext) -> list[str]:
    """Columns to compare: every feature, the prediction, the score where the task has one, sources where there are."""
    known = dict.fromkeys([*context.reference.columns, *context.current.columns])
    features = [name for name in known if name.startswith(INPUT_PREFIX)]
    outputs = ["prediction", "score"] if context.task.form is Form.CLASS else ["prediction"]
    if any(_any_source(frame) for frame in (context.reference, context.current)):
        outputs.append(SOURCES)
    return [name for name in (*features, *outputs) if not _ignored(name, context)]


def _ignored(name: str, context: WatchContext) -> bool:
    return name.removeprefix(INPUT_PREFIX) in context.config.drift.ignore


def _any_source(frame: pl.DataFrame) -> bool:
    column = _column(frame, SOURCES)
    return column.dtype == IDS and bool((column.list.len() > 0).any())


def _texts(frame: pl.DataFrame) -> list[str]:
    return [name for name in frame.columns if name.startswith(INPUT_PREFIX) and is_text(frame[name])]


def _pairs(subject: str, context: WatchContext) -> list[_Pair]:
    """The column in reference and window, or what is measured of texts in both."""
    reference, current = _column(context.reference, subject), _column(context.current, subject)
    if subject == SOURCES and reference.dtype == IDS:
        asked = [name for name in _texts(context.reference) if not _ignored(name, context)]
        sides = (Answered.of(frame, asked) for frame in (context.reference, context.current))
        return [_Pair(subject, *both, aspect) for aspect, both in measure_sources(*sides).items()]
    is_class = subject == "prediction" and context.task.form is Form.CLASS
    if subject == "prediction" and _untold(reference, current):
        return [_Pair(subject, reference, current)]
    if is_class or not is_text(reference) or current.dtype != pl.String or current.is_empty():
        return [_Pair(subject, reference, current)]
    return [
        _Pair(subject, pl.Series(found.reference), pl.Series(found.current), aspect)
        for aspect, found in measure_texts(reference, current).items()
    ]


def _look_at(pair: _Pair, context: WatchContext, error: float) -> Finding:
    reference, current = pair.reference, pair.current
    is_class = pair.subject == "prediction" and context.task.form is Form.CLASS
    if pair.subject not in context.reference.columns:
        problem: str | None = "the reference has no such column"
    elif pair.name == "prediction" and _untold(reference, current):
        problem = "the log does not hold what was predicted: dropped, hashed or masked, as the policy says"
    else:
        problem = _problem(reference, current, is_class=is_class)
    if problem:
        return inconclusive(NAME, pair.name, problem, n=current.len())
    if reference.dtype == IDS:
        method = "largest difference of shares of sets"
        found = compare_sets(reference.drop_nulls().to_list(), current.drop_nulls().to_list(), error=error)
    elif is_class or not (is_number(reference) and is_number(current)):
        method = "largest difference of category shares"
        found = compare_categories(
            as_classes(reference).to_list(), as_classes(current).to_list(), error=error
        )
    else:
        method = "two-sample Kolmogorov-Smirnov"
        found = compare_numbers(as_numbers(reference), as_numbers(current), error=error)
    return _judge(pair, found, f"{method}, lower limit at error {error:.2g}", context)


def _untold(reference: pl.Series, current: pl.Series) -> bool:
    """Whether predictions were redacted; none is missing for another reason."""
    return bool(current.null_count()) or hides(current, reference)


def _column(frame: pl.DataFrame, subject: str) -> pl.Series:
    """The column, all missing where the frame has none."""
    if subject in frame.columns:
        return frame[subject]
    return pl.Series(subject, [None] * frame.height, dtype=pl.Null)


def _problem(reference: pl.Series, current: pl.Series, *, is_class: bool) -> str | None:
    """Why the two can't be compared, or None."""
    both = (reference, current)
    if reference.is_empty() or current.is_empty():
        return "one side has no rows"
    has_values = [filled(series) > 0 for series in both]
    if not any(has_values):
        return "neither the reference nor the window holds a value"
    if any(series.dtype.is_temporal() for series in both):
        return "a date moves on without drifting; name it in monitor.drift.ignore"
    comparable = all(series.dtype == IDS for series in both)
    if not comparable and any(series.dtype.is_nested() or series.dtype == pl.Object for series in both):
        return f"{reference.dtype} and {current.dtype} are not compared"
    if all(has_values) and is_number(reference) != is_number(current) and not is_class:
        return f"{reference.dtype} in the reference but {current.dtype} in the window"
    return None


def _judge(pair: _Pair, found: Distance, method: str, context: WatchContext) -> Finding:
    bound = context.config.drift.tolerance
    estimate = Estimate(found.value, found.low, found.high, pair.current.len(), CONFIDENCE, method)
    verdict = judge(estimate, at_most=bound)
    says = {
        Verdict.FAIL: f"has moved by at least {found.low:.3f}",
        Verdict.PASS: f"has not moved by more than {bound:g}",
        Verdict.INCONCLUSIVE: f"may or may not have moved by more than {bound:g}",
    }
    evidence = (
        f"distance {found.value:.3f}, between {found.low:.3f} and {found.high:.3f}; {found.event}: "
        f"{found.current_share:.1%} of the window, {found.reference_share:.1%} of the reference"
    )
    return Finding(
        check=NAME,
        subject=pair.name,
        verdict=verdict,
        severity=Severity.WARNING if verdict is Verdict.FAIL else Severity.INFO,
        message=f"{_title(pair.name)} {says[verdict]} ({evidence})",
        estimate=estimate,
        bound=bound,
        detail={
            "event": found.event,
            "reference_share": found.reference_share,
            "current_share": found.current_share,
            "reference_rows": pair.reference.len(),
        },
    )


def _title(subject: str) -> str:
    feature = subject.removeprefix(INPUT_PREFIX)
    return f"input '{feature}'" if feature != subject else f"the {subject}"
