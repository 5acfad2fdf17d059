"""What people write: one FastAPI route that makes a table of the records and asks the MLflow model.

Run as `python -m benchmarks.serving.bare MODEL PORT`.
"""

import sys
from typing import Any

import mlflow
import pandas as pd
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Body(BaseModel):
    """A request."""

    records: list[dict[str, Any]]


@app.get("/health")
def health() -> dict[str, str]:
    """Whether it answers."""
    return {"status": "live"}


@app.post("/predict")
def predict(body: Body) -> dict[str, Any]:
    """The scores of the records."""
    return {"scores": model.predict(pd.DataFrame(body.records))[:, 1].tolist()}


if __name__ == "__main__":
    model = mlflow.pyfunc.load_model(sys.argv[1])
    uvicorn.run(app, port=int(sys.argv[2]), access_log=False, log_level="warning")
