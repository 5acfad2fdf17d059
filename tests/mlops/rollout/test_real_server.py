"""The real server on a real model behind the real router, as a user runs it."""

import json
from pathlib import Path

from mlops.config import RolloutConfig
from mlops.decision.signed import SignedRecord
from mlops.packaging.bundle import Bundle
from mlops.rollout.controller import Rollout
from mlops.rollout.targets.build import build_target
from mlops.serving.config import ServeConfig
from monitoring.store.delta import DeltaRequestLog

BODY = json.dumps({"records": [{"a": 0.5, "c": "x"}]})


def make_bundle(store, release_id: str) -> Bundle:
    version = store.release(release_id)
    folder = store.home / "releases" / release_id
    return Bundle.make(
        store.home / "bundles" / f"small-{version.version}",
        model_dir=next(folder.glob("model/**/MLmodel")).parent,
        signed=SignedRecord.read(folder),
        reference=folder / "reference.parquet",
        ranges=folder / "ranges.json",
        version=version.version,
    )


def test_no_request_is_lost_and_every_one_is_logged(house, store):
    first, second = (make_bundle(store, f"20261121-23051{n}-1a2b3c4d") for n in (1, 2))
    serve, settings = ServeConfig(port=0), RolloutConfig(ready_within_s=120)
    rollout = Rollout(house.home, serve, settings, build_target(settings, serve, house.home))

    def names(bundle: Bundle) -> dict[str, str]:
        return {"model": bundle.model, "version": bundle.version, "release_id": bundle.release_id}

    deployment = rollout.deploy(str(first.path), **names(first))
    with house.client(deployment, BODY) as client:
        client.wait_for(first.version)
        rollout.deploy(str(second.path), **names(second))
        client.wait_for(second.version)
        deployment = rollout.rollback(first.version)
        client.wait_for(first.version)
    assert client.failures == []
    assert house.served(deployment) == "1"
    rollout.stop()
    log = DeltaRequestLog(house.home / "log").read(model="small")
    assert log.height == client.answers
    assert sorted(log["version"].unique()) == ["1", "2"]
    assert all(Path(placed.lane.log).read_text() for placed in deployment.lanes)
