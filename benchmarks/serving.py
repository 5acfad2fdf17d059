"""Throughput of the server against a bare FastAPI route that calls the same model, alternating in one run.

Everything that the server does by default is on: validation, request log, metrics, one log line a request.
"""

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import polars as pl

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "lending"
RECORD = ROOT / "docs" / "decision-record.example.json"
LEFT_OUT = ("customer_id", "sex", "age_band", "education_group", "marriage", "default")
CLIENTS = (1, 32)
ROUNDS = 2
ROUND_S = 2.0


def main() -> None:
    """Train the lending model, serve it both ways, and print the ratios of requests per second."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        bundle, record = make_bundle(folder)
        body = json.dumps({"records": [record]})
        ours = running.enter_context(
            served("mlops.serving", str(bundle), "--log-dir", str(folder / "log"), ready="/health/ready")
        )
        bare = running.enter_context(served("benchmarks.serving", str(bundle), ready="/docs"))
        how = "wrk" if shutil.which("wrk") else "httpx"
        print(f"serving, lending model, one record a request, one worker each, load by {how}")
        for clients in CLIENTS:
            mine = theirs = 0.0
            for _ in range(ROUNDS):
                mine += throughput(ours.url, body, clients, folder) / ROUNDS
                theirs += throughput(bare.url, body, clients, folder) / ROUNDS
            print(
                f"  {clients:>2} client(s): {mine:6.0f} requests/s, bare route {theirs:6.0f}, "
                f"ratio {mine / theirs:.2f}"
            )
        print(f"  ready after start: {ours.ready_s:.1f} s, bare route {bare.ready_s:.1f} s")


def make_bundle(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Train the example's model and pack it; returns the bundle and one record for it."""
    from mlops.decision.canonical import digest_file
    from mlops.decision.keys import make_own_key
    from mlops.decision.record import DecisionRecord
    from mlops.decision.signed import SignedRecord
    from mlops.packaging.bundle import Bundle, model_digest

    rows = pl.read_parquet(EXAMPLE / "data" / "train.parquet")
    features = rows.drop(LEFT_OUT)
    save_model(folder / "trained", features, rows["default"])
    reference = folder / "reference.parquet"
    features.head(1000).select(pl.all().name.prefix("input.")).write_parquet(reference)
    content = json.loads(RECORD.read_text())
    content["release"]["model"] = "lending"
    content["training"]["model_digest"] = model_digest(folder / "trained")
    content["evidence"] = {reference.name: digest_file(reference)}
    bundle = Bundle.make(
        folder / "bundle",
        model_dir=folder / "trained",
        signed=SignedRecord.sign(DecisionRecord.of(content), make_own_key()),
        reference=reference,
        version="1",
    )
    return bundle.path, features.row(0, named=True)


def save_model(folder: Path, features: pl.DataFrame, target: pl.Series) -> None:
    """Fit the example's model as its author wrote it, and save it as `weighbridge train` does."""
    import mlflow
    import skops.io

    spec = importlib.util.spec_from_file_location("lending_train", EXAMPLE / "train.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(EXAMPLE / "train.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table = features.to_pandas()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = module.train(table, target.to_pandas(), seed=0)
        mlflow.sklearn.save_model(
            model,
            str(folder),
            signature=mlflow.models.infer_signature(table, model.predict_proba(table.head(3))),
            pip_requirements=["scikit-learn"],
            serialization_format="skops",
            skops_trusted_types=skops.io.get_untrusted_types(data=skops.io.dumps(model)),
            pyfunc_predict_fn="predict_proba",
            metadata={"classes": [0, 1]},
        )


class Served:
    """A server process that answers."""

    def __init__(self, url: str, ready_s: float) -> None:
        self.url = url
        self.ready_s = ready_s


@contextmanager
def served(module: str, *arguments: str, ready: str) -> Iterator[Served]:
    """Start `python -m module` on a free port, wait until `ready` answers, stop it in the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    began = time.perf_counter()
    command = [sys.executable, "-m", module, *arguments, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while not answers(url + ready):
            if process.poll() is not None:
                raise SystemExit(f"{module} did not start")
            time.sleep(0.02)
        yield Served(url, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(30)


def answers(url: str) -> bool:
    """Whether a GET succeeds."""
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def throughput(url: str, body: str, clients: int, folder: Path) -> float:
    """Requests per second of `clients` that each send the next request when the last is answered."""
    if shutil.which("wrk"):
        return _by_wrk(url, body, clients, folder)
    return _by_httpx(url, body, clients)


def _by_wrk(url: str, body: str, clients: int, folder: Path) -> float:
    script = folder / "post.lua"
    script.write_text(
        "wrk.method='POST'\nwrk.headers['content-type']='application/json'\n"
        f"wrk.body={json.dumps(body)}\n"
        "done=function(summary, latency, requests)\n"
        "  io.write(string.format('RESULT %d %d %d\\n', summary.requests, summary.duration,\n"
        "    summary.errors.status + summary.errors.read + summary.errors.write + summary.errors.timeout))\n"
        "end\n"
    )
    options = [
        f"-t{min(clients, 2)}",
        f"-c{clients}",
        f"-d{ROUND_S:.0f}s",
        "--timeout",
        "20s",
        "-s",
        str(script),
    ]
    output = subprocess.run(
        ["wrk", *options, f"{url}/v1/predict"], capture_output=True, text=True, check=True
    ).stdout
    _, requests, duration_us, errors = next(
        line for line in output.splitlines() if line.startswith("RESULT")
    ).split()
    if int(errors) or not int(requests):
        raise SystemExit(f"{requests} requests were answered, {errors} failed")
    return int(requests) * 1e6 / int(duration_us)


def _by_httpx(url: str, body: str, clients: int) -> float:
    end = time.perf_counter() + ROUND_S
    counts = [0] * clients

    def client(number: int) -> None:
        with httpx.Client(headers={"content-type": "application/json"}) as session:
            while time.perf_counter() < end:
                session.post(f"{url}/v1/predict", content=body).raise_for_status()
                counts[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / ROUND_S


def serve_bare(path: Path, port: int) -> None:
    """The limit: one route, one model call, nothing else."""
    from mlops.calm import calm_threads

    calm_threads()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import mlflow
    import pandas as pd
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel

    from mlops.packaging.load import skops_allowed

    with skops_allowed():
        model = mlflow.pyfunc.load_model(str(path / "model"))
    app = FastAPI()

    class Body(BaseModel):
        records: list[dict[str, Any]]

    @app.post("/v1/predict")
    def predict(body: Body) -> dict[str, Any]:
        return {"scores": model.predict(pd.DataFrame(body.records))[:, 1].tolist()}

    uvicorn.run(app, port=port, access_log=False, log_level="warning")


if __name__ == "__main__":
    if "--port" in sys.argv:
        serve_bare(Path(sys.argv[1]), int(sys.argv[-1]))
    else:
        main()
