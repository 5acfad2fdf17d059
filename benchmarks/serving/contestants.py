"""Who is measured: the endpoint with all that it does, the same with more or less, a bare route, other servers."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.serving.bundle import Served
from benchmarks.serving.peers import MODEL, PORT
from benchmarks.serving.servers import ROOT, Contestant

OURS = "Weighbridge"
JOURNAL = "Weighbridge (journal)"
UNLOGGED = "Weighbridge (no log)"
BARE = "bare FastAPI route"
MLFLOW = "mlflow models serve"
BENTOML, LITSERVE, RAY = "BentoML", "LitServe", "Ray Serve"
PEERS = (BENTOML, LITSERVE, RAY)
# What `make serving-peers` sets up.
PEERS_PYTHON = ROOT / ".venv-serving-peers" / "bin" / "python"
# A rate is on, and nobody reaches it.
_RATE = "100000000/second"


def contestants(served: Served, folder: Path) -> dict[str, Contestant]:
    """All of them by name, for one bundle."""
    from mlops.serving.access.callers import Scope
    from mlops.serving.access.keys import KeyFile, make_key

    key, kept = make_key("benchmark", [Scope.PREDICT], now=datetime.now(UTC))
    keys = KeyFile(folder / "keys.json")
    keys.add(kept)
    found = (
        _ours(OURS, served, folder, key, keys.path),
        _ours(JOURNAL, served, folder, key, keys.path, durability="journal"),
        _ours(UNLOGGED, served, folder, key, keys.path, module="benchmarks.serving.unlogged"),
        _bare(served),
        _mlflow(served),
        _peer(BENTOML, served, ("bentoml", "serve", f"{_PEER}.bentoml_service:Lending", *_AT), "/readyz"),
        _peer(LITSERVE, served, (f"{_PEER}.litserve_server",), "/health"),
        _peer(RAY, served, (f"{_PEER}.ray_serve_app",), "/-/healthz"),
    )
    return {each.name: each for each in found}


_PEER = "benchmarks.serving.peers"
_AT = ("--host", "127.0.0.1", "--port", "PORT")


def _ours(  # noqa: PLR0913 - what varies between three of them
    name: str,
    served: Served,
    folder: Path,
    key: str,
    keys: Path,
    *,
    durability: str = "batch",
    module: str = "mlops.serving",
) -> Contestant:
    from mlops.serving.access.keys import API_KEYS

    log_dir = folder / f"log-{module}-{durability}"
    serve = {"log": {"durability": durability}, "access": {"keys": True, "rate": _RATE}}
    command = (sys.executable, "-m", module, str(served.bundle), *_AT, "--log-dir", str(log_dir))
    return Contestant(
        name,
        (*command, "--serve", json.dumps(serve)),
        route="/v1/predict",
        ready="/health/ready",
        score=lambda answer: float(answer["predictions"][0]["score"]),
        key=key,
        environment={API_KEYS: str(keys)},
    )


def _bare(served: Served) -> Contestant:
    command = (sys.executable, "-m", "benchmarks.serving.bare", str(served.model), "PORT")
    return Contestant(BARE, command, "/predict", "/health", _first)


def _mlflow(served: Served) -> Contestant:
    beside = Path(sys.executable).parent
    command = (str(beside / "mlflow"), "models", "serve", "--model-uri", str(served.model))
    return Contestant(
        MLFLOW,
        (*command, "--env-manager", "local", "--workers", "1", *_AT),
        route="/invocations",
        ready="/ping",
        score=lambda answer: float(answer["predictions"][0][1]),
        body="dataframe_records",
        # It looks for uvicorn there.
        environment={"PATH": f"{beside}:/usr/local/bin:/usr/bin:/bin"},
    )


def _peer(name: str, served: Served, module: tuple[str, ...], ready: str) -> Contestant:
    return Contestant(
        name,
        (str(PEERS_PYTHON), "-m", *module),
        route="/predict",
        ready=ready,
        score=_first,
        environment={MODEL: str(served.model), PORT: "PORT"},
        needs=(PEERS_PYTHON, "make serving-peers"),
    )


def _first(answer: Any) -> float:
    return float((answer["scores"] if isinstance(answer, dict) else answer)[0])
