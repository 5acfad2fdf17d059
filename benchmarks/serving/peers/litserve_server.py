"""LitServe: a LitAPI that gets batches."""

import os
from typing import Any

import litserve as ls

from benchmarks.serving.peers import MODEL, MOST_TOGETHER, PORT


class Lending(ls.LitAPI):
    """The model behind LitServe's queue."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe's signature
        """Load the model in the worker's process."""
        import mlflow

        self.model = mlflow.sklearn.load_model(os.environ[MODEL])

    def decode_request(self, request: dict[str, Any]) -> dict[str, Any]:
        """The record of one request."""
        record: dict[str, Any] = request["records"][0]
        return record

    def batch(self, inputs: list[dict[str, Any]]) -> Any:
        """One table of the records of several."""
        import pandas as pd

        return pd.DataFrame(inputs)

    def predict(self, x: Any) -> list[float]:
        """Their scores."""
        scores: list[float] = self.model.predict_proba(x)[:, 1].tolist()
        return scores

    def unbatch(self, output: list[float]) -> list[float]:
        """To each its own."""
        return output

    def encode_response(self, output: float) -> dict[str, Any]:
        """The answer."""
        return {"scores": [output]}


if __name__ == "__main__":
    # It waits so long for others; without any wait LitServe makes no batches.
    api = Lending(max_batch_size=MOST_TOGETHER, batch_timeout=0.005)
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1",
        port=int(os.environ[PORT]),
        num_api_servers=1,
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )
