"""MLflow's validation of evaluation results, by its own interface."""

import logging


def mlflow_passes(challenger: float, champion: float, *, threshold: float | None) -> bool:
    """Whether `mlflow.validate_evaluation_results` lets an accuracy through.

    Without a threshold, the least that can be asked of a comparison with a baseline: min_relative_change 0.0,
    not below it. A tolerance cannot be: changes must be improvements.
    """
    import mlflow
    from mlflow.models import EvaluationResult, MetricThreshold
    from mlflow.models.evaluation.validation import ModelValidationFailedException

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    rule = MetricThreshold(
        threshold=threshold,
        min_relative_change=0.0 if threshold is None else None,
        greater_is_better=True,
    )
    results = [EvaluationResult({"accuracy_score": float(value)}, {}) for value in (challenger, champion)]
    try:
        mlflow.validate_evaluation_results({"accuracy_score": rule}, *results)
    except ModelValidationFailedException:
        return False
    return True
