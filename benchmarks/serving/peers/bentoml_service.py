"""BentoML: a service with a batchable API, whose window follows the load."""

import os
from typing import Any

import bentoml

from benchmarks.serving.peers import MODEL, MOST_TOGETHER


@bentoml.service(workers=1)
class Lending:
    """The model behind BentoML's dispatcher of batches."""

    def __init__(self) -> None:
        import mlflow

        self.model = mlflow.sklearn.load_model(os.environ[MODEL])

    @bentoml.api(batchable=True, max_batch_size=MOST_TOGETHER)
    def predict(self, records: list[dict[str, Any]]) -> list[float]:
        """The scores of some records, of one caller or of several."""
        import pandas as pd

        scores: list[float] = self.model.predict_proba(pd.DataFrame(records))[:, 1].tolist()
        return scores
