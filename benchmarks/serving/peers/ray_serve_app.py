"""Ray Serve: a deployment of one replica, whose requests wait for each other for a moment."""

import os
import signal
import threading
from typing import Any

import ray
from ray import serve
from starlette.requests import Request

from benchmarks.serving.peers import MODEL, MOST_TOGETHER, PORT


@serve.deployment(num_replicas=1, max_ongoing_requests=4 * MOST_TOGETHER, ray_actor_options={"num_cpus": 0.2})
class Lending:
    """The model behind Ray Serve's proxy."""

    def __init__(self, model: str) -> None:
        import mlflow

        self.model = mlflow.sklearn.load_model(model)

    @serve.batch(max_batch_size=MOST_TOGETHER, batch_wait_timeout_s=0.005)
    async def score(self, records: list[dict[str, Any]]) -> list[float]:
        """The scores of the records of several requests."""
        import pandas as pd

        scores: list[float] = self.model.predict_proba(pd.DataFrame(records))[:, 1].tolist()
        return scores

    async def __call__(self, request: Request) -> dict[str, Any]:
        """Answer a request."""
        content = await request.json()
        return {"scores": [await self.score(content["records"][0])]}


def main() -> None:
    """Serve until told to stop."""
    stop = threading.Event()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(os.environ[PORT])},
        logging_config={"enable_access_log": False},
    )
    serve.run(Lending.bind(os.environ[MODEL]), route_prefix="/predict")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
