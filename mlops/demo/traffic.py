"""The demo's clients: real rows over HTTP through the router."""

import time
from collections.abc import Iterator
from typing import Any

import polars as pl

from evaluation.errors import EnvironmentProblem
from mlops.data.table import read_table
from mlops.project import Project

_BATCH, _TEXTS = 250, 10
_LOGGED_WITHIN_S = 15.0


def url(project: Project) -> str:
    """Where the project is served; raises EnvironmentProblem when it is not."""
    serving = project.rollout().status()
    if serving is None:
        raise EnvironmentProblem(f"{project.policy.model} is not served", next_step="weighbridge deploy")
    return serving.url


def ask_first_row(project: Project) -> dict[str, Any]:
    """Ask for the first row of the holdout."""
    rows = next(project.dataset.holdout.batches(project.dataset.features, rows=1)).to_dicts()
    return _post(url(project), "/v1/predict", {"records": rows})


def ask_for_text(project: Project) -> dict[str, Any]:
    """Ask for a text about the first row of the holdout."""
    rows = next(project.dataset.holdout.batches(project.dataset.features, rows=1)).to_dicts()
    return _post(url(project), "/v1/generate", {"records": rows})


def ask_for_texts(project: Project, rows: pl.DataFrame) -> int:
    """Ask for a text about every row, a few at a time; returns how many there were."""
    address, last = url(project), ""
    for part in rows.select(project.dataset.features).iter_slices(_TEXTS):
        answer = _post(address, "/v1/generate", {"records": part.to_dicts()})
        last = answer["generations"][-1]["id"]
    _wait_until_logged(project, last, labelled=False)
    return rows.height


def months(project: Project) -> Iterator[tuple[int, pl.DataFrame]]:
    """The later months of the flights example, in order, each with its labels."""
    for path in sorted((project.folder / "data" / "months").glob("*.parquet")):
        yield int(path.stem), read_table(path)


def serve_rows(project: Project, rows: pl.DataFrame) -> int:
    """Send the newest rows for prediction, as many as a window holds, then their labels; returns how many it were."""
    target, features = project.policy.data.target, project.dataset.features
    window = rows.tail(project.policy.monitor.window_records)
    address, answered, ids = url(project), 0, [""]
    for start in range(0, window.height, _BATCH):
        batch = window.slice(start, _BATCH)
        answer = _post(address, "/v1/predict", {"records": batch.select(features).to_dicts()})
        ids = [item["id"] for item in answer["predictions"]]
        labels = [
            {"id": id_, "label": label} for id_, label in zip(ids, batch[target].to_list(), strict=True)
        ]
        _post(address, "/v1/feedback", {"labels": labels})
        answered += len(ids)
    _wait_until_logged(project, ids[-1])
    return answered


def _wait_until_logged(project: Project, last_id: str, *, labelled: bool = True) -> None:
    """The log is written behind the requests; the monitor should look when all is in it, labels where there are."""
    deadline = time.monotonic() + _LOGGED_WITHIN_S
    while time.monotonic() < deadline:
        newest = project.request_log.read(model=project.policy.model, last=_BATCH)
        found = newest.filter(pl.col("id") == last_id)
        if found.height and (not labelled or found["target"].null_count() == 0):
            return
        time.sleep(0.1)
    raise EnvironmentProblem(
        f"the request log lacks a record that was answered {_LOGGED_WITHIN_S:.0f} s ago",
        expected="every answer in the log",
    )


def _post(address: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    import httpx

    response = httpx.post(address + path, json=body, timeout=30)
    if response.status_code >= 300:
        raise EnvironmentProblem(f"POST {path} was answered {response.status_code}: {response.text[:300]}")
    answer: dict[str, Any] = response.json()
    return answer
