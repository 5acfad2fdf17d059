"""What would mend a bias that the gate found, and at what cost, measured on rows that it was not fitted on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import Undefined
from evaluation.metrics.base import Metric, Need, Sample
from evaluation.metrics.builtin import find_metric
from evaluation.samples import Model
from evaluation.stats.bootstrap import complaint
from evaluation.types import Direction, IntArray, Task

_THRESHOLDS = "fairlearn ThresholdOptimizer"
_GROUP_NEEDED = "It needs to know each row's group when it predicts; see first whether a decision may use it."
_LOTS = "For some scores it draws lots, so that equal rows may be answered differently."


@dataclass(frozen=True)
class _Remedy:
    """fairlearn's constraint for thresholds by group, None where there is none, and what else would help."""

    thresholds: str | None
    otherwise: str


def _trained_again(constraint: str) -> str:
    return f"Train again with fairlearn's ExponentiatedGradient under {constraint}; any model with row weights will do."


_REMEDIES: Mapping[str, _Remedy] = {
    "demographic_parity_difference": _Remedy("demographic_parity", _trained_again("DemographicParity")),
    "demographic_parity_ratio": _Remedy("demographic_parity", _trained_again("DemographicParity")),
    "equalized_odds_difference": _Remedy("equalized_odds", _trained_again("EqualizedOdds")),
    "equal_opportunity_difference": _Remedy(
        "true_positive_rate_parity", _trained_again("TruePositiveRateParity")
    ),
    "worst_group_recall": _Remedy("true_positive_rate_parity", _trained_again("TruePositiveRateParity")),
    "worst_group_accuracy": _Remedy(None, _trained_again("BoundedGroupLoss(ZeroOneLoss())")),
    "group_calibration_difference": _Remedy(
        None, "Calibrate the scores within each group, such as with scikit-learn's CalibratedClassifierCV."
    ),
    "group_mean_error_difference": _Remedy(
        None,
        "Subtract each group's mean error, as measured on rows that are not this holdout's, or give the group.",
    ),
    "worst_group_mae": _Remedy(None, _trained_again("BoundedGroupLoss(AbsoluteLoss(...))")),
    "group_tail_error_difference": _Remedy(None, _trained_again("BoundedGroupLoss(SquareLoss(...))")),
}
_MANY_CLASSES = (
    "fairlearn mends two classes only; weigh the rows of the group that fares worst higher and train again, or take "
    "what the features tell of the group out of them with fairlearn's CorrelationRemover."
)


def mitigation(  # noqa: PLR0913 - keyword-only
    *, check: str, task: Task, metric: Metric, model: Model, main: Metric | None = None, seed: int = 0
) -> dict[str, Any]:
    """What thresholds of its own for each group would make of a failed bias check, as plain JSON values.

    check: its id; model: the answers on the check's rows, with groups; main: a metric of labels to count the
    cost in, the balanced accuracy where it is None or of another kind.

    For a binary task with scores, fairlearn's ThresholdOptimizer is fitted on one half of the rows and measured
    on the other, halves drawn by seed within every group and class. Gives `check`, `method`, `constraint`,
    `before` and `after` (the bias metric), `metric`, `metric_before`, `metric_after`, `cost` (by how much that
    is worse afterwards), `n` (rows measured on), `note` and `problem`. Values are of one half, without interval.
    In all other cases the numbers are None, and `note` names the method that fits. Nothing is raised for what
    the data are: `problem` says why there is no number.

    Source: Hardt, Price and Srebro 2016, "Equality of opportunity in supervised learning".
    """
    remedy = _REMEDIES.get(metric.name, _Remedy(None, "No method is known for this metric."))
    sample = model.sample.take(~model.unanswered)
    if task is not Task.BINARY or sample.score is None or remedy.thresholds is None:
        note = _MANY_CLASSES if task is Task.MULTICLASS else remedy.otherwise
        return _found(check, "training" if metric.name in _REMEDIES else "none", None, note)
    shown = remedy.thresholds.replace("_", " ")
    try:
        measured = _measured(metric, main, sample, remedy.thresholds, seed)
    except Exception as error:  # noqa: BLE001 - advice only: a record, not a crash
        return _found(check, _THRESHOLDS, shown, remedy.otherwise) | {"problem": f"{complaint(error)}."}
    return _found(check, _THRESHOLDS, shown, _GROUP_NEEDED) | measured


def _found(check: str, method: str, constraint: str | None, note: str) -> dict[str, Any]:
    numbers = ("before", "after", "metric", "metric_before", "metric_after", "cost", "n", "problem")
    return {"check": check, "method": method, "constraint": constraint, "note": note} | dict.fromkeys(numbers)


def _measured(
    metric: Metric, main: Metric | None, sample: Sample, constraint: str, seed: int
) -> dict[str, Any]:
    cost = main if main is not None and _of_labels(main) else find_metric("balanced_accuracy")
    fitted, measured = _halves(sample, seed)
    objective = "accuracy_score" if cost.name == "accuracy" else "balanced_accuracy_score"
    label, lots = _by_group(sample.take(fitted), sample.take(measured), constraint, objective, seed)
    before = sample.take(measured)
    after = replace(before, label=label)
    values = cost.point(before), cost.point(after)
    worse = values[0] - values[1] if cost.direction is Direction.HIGHER_IS_BETTER else values[1] - values[0]
    return {
        "before": metric.point(before),
        "after": metric.point(after),
        "metric": cost.name,
        "metric_before": values[0],
        "metric_after": values[1],
        "cost": worse,
        "n": before.n,
        "note": " ".join([_chosen(objective), _GROUP_NEEDED, *([_LOTS] if lots else [])]),
    }


def _chosen(objective: str) -> str:
    return (
        f"The thresholds are those of the best {objective.removesuffix('_score').replace('_', ' ')} under it."
    )


def _of_labels(metric: Metric) -> bool:
    return metric.ranked and Task.BINARY in metric.tasks and not metric.needs - {Need.TWO_CLASSES}


def _halves(sample: Sample, seed: int) -> tuple[IntArray, IntArray]:
    """Rows to fit on and rows to measure on, equally many (but one) of every group and class.

    Raises Undefined where a group has fewer than two rows of a class.
    """
    if sample.groups is None:
        raise Undefined("no groups were named")
    stratum = sample.groups * 2 + sample.target
    rows = np.bincount(stratum, minlength=2 * len(sample.group_names))
    few = [
        name
        for name, least in zip(sample.group_names, rows.reshape(-1, 2).min(axis=1), strict=True)
        if least < 2
    ]
    if few:
        raise Undefined(f"fewer than two rows of a class in group {', '.join(few)}")
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    order = random.permutation(sample.n)
    order = order[np.argsort(stratum[order], kind="stable")]
    first = np.concatenate([[0], np.cumsum(rows)[:-1]])
    odd = (np.arange(sample.n) - first[stratum[order]]) % 2 == 1
    return np.sort(order[~odd]), np.sort(order[odd])


def _as_classifier() -> Any:
    """A fitted classifier whose one feature is the score that the model gave."""
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Scores(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        def fit(self, *_: object) -> "Scores":
            return self

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict_proba(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.column_stack([1 - scores[:, 0], scores[:, 0]])

    return Scores()


def _by_group(
    fitted: Sample, measured: Sample, constraint: str, objective: str, seed: int
) -> tuple[IntArray, bool]:
    """Labels (n,) by thresholds that were fitted for each group, and whether lots are drawn."""
    from fairlearn.postprocessing import ThresholdOptimizer

    optimizer = ThresholdOptimizer(
        estimator=_as_classifier(),
        constraints=constraint,
        objective=objective,
        prefit=True,
        predict_method="predict_proba",
    )
    optimizer.fit(_column(fitted), fitted.target, sensitive_features=fitted.groups)
    label = optimizer.predict(_column(measured), sensitive_features=measured.groups, random_state=seed)
    rules = optimizer.interpolated_thresholder_.interpolation_dict.values()
    lots = any(rule.get("p_ignore", 0.0) > 0 or 0 < rule["p0"] < 1 for rule in rules)
    return np.asarray(label, dtype=np.int64), lots


def _column(sample: Sample) -> NDArray[np.float64]:
    return np.asarray(sample.score, dtype=np.float64)[:, None]
