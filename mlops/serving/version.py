"""One version of a model, ready to answer: what it is, the form of its requests, its guards, how it is asked."""

import asyncio
import gc
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from evaluation.types import Form, Outputs
from mlops.packaging.bundle import Bundle
from mlops.packaging.load import InputField
from mlops.packaging.ranges import Ranges
from mlops.serving.batching import Batcher, Row, Said
from mlops.serving.config import ServeConfig
from mlops.serving.cost import Cost
from mlops.serving.errors import Unanswered
from mlops.serving.example import typical_record
from mlops.serving.guards.findings import Count, count_nothing
from mlops.serving.guards.guards import Guards
from mlops.serving.schemas import Schemas
from mlops.serving.tracing import UNTRACED, Steps

_LOG = logging.getLogger("weighbridge.server")
_TRIAL_ROWS = (1, 16)
_TRIALS = 3


class ServedModel(Protocol):
    """What the server asks of a model; mlops.packaging.load.LoadedModel is one."""

    @property
    def inputs(self) -> tuple[InputField, ...]:
        """The fields of the signature."""
        ...

    @property
    def classes(self) -> tuple[Any, ...]:
        """The classes in the order of the scores; unused for regression."""
        ...

    def predict_rows(self, rows: Sequence[Row]) -> Outputs:
        """Answer for every row, in order; rows have a value a field of the signature, None where it was left out."""
        ...


class ServedVersion:
    """A bundle, its model and what stands around it; built whole, so that one can take another's place at once."""

    def __init__(  # noqa: PLR0913 - keyword-only, one a fact
        self,
        bundle: Bundle,
        model: ServedModel,
        config: ServeConfig,
        *,
        threads: int,
        done: Callable[[int, float], None] = lambda _rows, _seconds: None,
        guarded: Count = count_nothing,
        steps: Steps = UNTRACED,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.bundle = bundle
        self.loaded_at = clock()
        self.inputs = model.inputs
        self.classes = model.classes
        self.schemas = Schemas(model.inputs, max_records=config.max_records)
        self.example: Mapping[str, Any] = typical_record(model.inputs, bundle.reference)
        self.guards = Guards.of(
            config.guards,
            model.inputs,
            Ranges.read(bundle.ranges),
            task=bundle.task,
            classes=model.classes,
            count=guarded,
        )
        self._model = model
        self._steps = steps
        self._inside = 0
        self._empty: asyncio.Event | None = None
        # A language model is asked over the network, for every text anew: together costs as much as apart.
        writes = bundle.task.form is Form.TEXT
        cost = self._warm_up(_TRIAL_ROWS[:1] if writes else _TRIAL_ROWS, 1 if writes else _TRIALS)
        self.batcher = Batcher(
            self._ask,
            cost=cost if config.batching == "auto" and not writes else None,
            threads=config.max_in_flight if writes else threads,
            done=done,
            waited=self._waited,
        )

    def __enter__(self) -> None:
        """A request begins that this version answers, whatever takes its place meanwhile; on the event loop."""
        self._inside += 1

    def __exit__(self, *_: object) -> None:
        self._inside -= 1
        if self._empty is not None and self._inside == 0:
            self._empty.set()

    async def leave(self) -> None:
        """Return when every request that it began is answered or given up, and take no more."""
        if self._inside:
            self._empty = asyncio.Event()
            await self._empty.wait()
        self.batcher.close()
        # What is of no use any more may lie among that which the start left out of collections.
        gc.unfreeze()

    def _warm_up(self, sizes: Sequence[int], trials: int) -> Cost:
        """Ask the model a few times, unlogged: what it does only once is then done, and what calls cost is known."""
        cost = Cost()
        try:
            row = self.schemas.read({"record": dict(self.example)}).rows[0]
            for trial in range(trials):
                for rows in sizes:
                    began = time.perf_counter()
                    self._ask([row] * rows)
                    if trial:
                        cost.learn(rows, time.perf_counter() - began)
        except Exception as error:  # noqa: BLE001 - the record is made up; a model may still know its callers'
            _LOG.warning("no warm-up", extra={"facts": {"reason": type(error).__name__}})
        return cost

    @cached_property
    def facts(self) -> Mapping[str, str]:
        """Which version it is, as spans tell it."""
        return {
            "weighbridge.model": self.bundle.model,
            "weighbridge.version": self.bundle.version,
            "weighbridge.release": self.bundle.release_id,
        }

    @cached_property
    def prompt(self) -> str | None:
        """The version of the prompt that it writes by, as NAME/VERSION, several with commas; None for one without."""
        found = getattr(self._model, "prompt", None)
        return found if isinstance(found, str) else None

    def _waited(self, since_s: float, until_s: float, rows: int) -> None:
        self._steps.passed("batch wait", since_s, until_s, {"weighbridge.batch.rows": rows})

    def _ask(self, rows: Sequence[Row]) -> Said:
        return _plain(self._model.predict_rows(rows), len(rows))


def _plain(outputs: Outputs, count: int) -> Said:
    """Predictions as JSON's own types.

    Raises Unanswered where a text could not be had, ValueError or TypeError for what is no prediction.
    """
    labels: list[Any] = outputs.labels.tolist()
    facts = [] if outputs.facts is None else outputs.facts.to_dicts()
    if failed := [str(each["problem"]) for each in facts if each.get("problem")]:
        # What follows the kind of a failure may name the endpoint.
        raise Unanswered(f"the language model gave no answer: {failed[0].partition(':')[0]}")
    scores: list[float | None] = [None] * count
    if outputs.scores is not None:
        found = outputs.scores if outputs.scores.ndim == 1 else np.max(outputs.scores, axis=1)
        scores = found.tolist()
    if len(labels) != count or len(scores) != count:
        raise ValueError("not one prediction for each row")
    if not all(isinstance(label, bool | int | float | str) for label in labels):
        raise TypeError("a prediction that is no JSON scalar")
    numbers = [value for value in (*labels, *scores) if isinstance(value, float)]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a prediction that is not finite")
    return Said(labels, scores, facts)
