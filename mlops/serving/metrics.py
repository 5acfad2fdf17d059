"""What Prometheus can ask this process, or all processes of a server together.

Requests are labelled with the version that answered them. With PROMETHEUS_MULTIPROC_DIR in the environment, which
`mlops.serving.processes` sets, each process keeps its numbers in files there, and any of them tells the sum.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from mlops.packaging.bundle import Bundle
from mlops.serving.log.writer import LogState
from mlops.serving.processes import SHARED_IN

# From a cached answer to the patience of a caller, each about twice the one before.
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BUCKETS_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096)
_LANE = ("model", "version")
_FRESH_EVERY_S = 2.0
_NO_RECORDS = LogState(0, 0.0, 0, 0, 0)

# A model and its version, the two labels that every metric has.
Lane = tuple[str, str]


@dataclass(slots=True)
class InFlight:
    """How many requests are in the house, counted by who lets them in and told when somebody asks."""

    requests: int = 0


class VersionMetrics:
    """What one version's calls and guards count; labels are looked up once, not in every call."""

    def __init__(self, rows: Any, seconds: Any, guards: Counter, lane: Lane) -> None:
        self._rows = rows
        self._seconds = seconds
        self._guards = guards
        self._lane = lane

    def asked(self, rows: int, seconds: float) -> None:
        """Observe one call of the model."""
        self._rows.observe(rows)
        self._seconds.observe(seconds)

    def guarded(self, field: str, kind: str, action: str, times: int) -> None:
        """Count what a guard found; the field is one of the signature's, so that there is an end to the labels."""
        self._guards.labels(*self._lane, field, kind, action).inc(times)


class Metrics:
    """The metrics of a server, all named `weighbridge_...` and labelled with model and version.

    lane: the version that answers now; what is counted without a lane of its own is counted for this one.
    """

    def __init__(
        self, bundle: Bundle, log_state: Callable[[], LogState], in_flight: InFlight | None = None
    ) -> None:
        # When each counter was made is of no use here, and would be a third of the lines.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.shared = SHARED_IN in os.environ
        self._registry = registry = CollectorRegistry()
        self._seconds = Histogram(
            "weighbridge_request_seconds",
            "Time from a request's first byte to the end of its answer.",
            (*_LANE, "route", "status"),
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._batch_rows = Histogram(
            "weighbridge_batch_rows",
            "Rows in one call of the model.",
            _LANE,
            buckets=_BUCKETS_ROWS,
            registry=registry,
        )
        self._model_seconds = Histogram(
            "weighbridge_model_seconds",
            "Time of one call of the model.",
            _LANE,
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._predictions = self._counter("predictions", "Rows answered.")
        self._errors = self._counter("errors", "Requests not answered, by class.", "kind")
        self._refusals = self._counter("refusals", "Requests turned away at the door, by reason.", "reason")
        self._reload_failures = self._counter(
            "reload_failures", "Times that another version could not take over, by reason.", "reason"
        )
        self._guards = self._counter(
            "guards", "What guards found in fields and answers, and what was done.", "field", "kind", "action"
        )
        self._jobs = self._counter("jobs", "Jobs that came into a state.", "state")
        self._webhooks = self._counter("webhooks", "Answers posted to callers, by outcome.", "outcome")
        self._about = Gauge(
            "weighbridge_model_info",
            "Which model this server has; 1 for the one that answers, 0 for those before it.",
            (*_LANE, "release_id", "task", "model_digest", "decision_digest"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._inside = in_flight or InFlight()
        self._in_flight = Gauge(
            "weighbridge_in_flight_requests",
            "Requests under /v1/ that are not answered yet; serve.max_in_flight is the most of a process.",
            _LANE,
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._log = _LogMetrics(registry, log_state)
        if not self.shared:
            ProcessCollector(registry=registry)
        self.lane: Lane = (bundle.model, bundle.version)
        self._now = self._info(bundle)
        self.serves(bundle)

    def of(self, bundle: Bundle) -> VersionMetrics:
        """What counts for one version, whether it answers yet or not."""
        lane = (bundle.model, bundle.version)
        rows, seconds = self._batch_rows.labels(*lane), self._model_seconds.labels(*lane)
        return VersionMetrics(rows, seconds, self._guards, lane)

    def serves(self, bundle: Bundle) -> None:
        """From now on this version answers."""
        self._now.set(0)
        self._in_flight.labels(*self.lane).set(0)
        self._log.forget(self.lane)
        self.lane = (bundle.model, bundle.version)
        self._now = self._info(bundle)
        self._now.set(1)
        # A counter that is there from the start has a rate.
        self._predictions.labels(*self.lane)

    def request(self, route: str, status: int, seconds: float, lane: Lane | None = None) -> None:
        """Count one answered request."""
        self._seconds.labels(*(lane or self.lane), route, str(status)).observe(seconds)

    def predicted(self, rows: int, lane: Lane | None = None) -> None:
        """Count rows that were answered."""
        self._predictions.labels(*(lane or self.lane)).inc(rows)

    def failed(self, kind: str, lane: Lane | None = None) -> None:
        """Count a request that was not answered."""
        self._errors.labels(*(lane or self.lane), kind).inc()

    def refused(self, reason: str) -> None:
        """Count a request that was turned away before the model saw it."""
        self._refusals.labels(*self.lane, reason).inc()

    def reload_failed(self, reason: str) -> None:
        """Count a version that could not take over; the one that goes on is the label."""
        self._reload_failures.labels(*self.lane, reason).inc()

    def job(self, state: str) -> None:
        """Count a job that came into a state."""
        self._jobs.labels(*self.lane, state).inc()

    def webhook(self, outcome: str) -> None:
        """Count a delivery that came to its end."""
        self._webhooks.labels(*self.lane, outcome).inc()

    def refresh(self) -> None:
        """Bring up to date what others count: requests in flight, and the request log's numbers."""
        self._in_flight.labels(*self.lane).set(self._inside.requests)
        self._log.refresh(self.lane)

    @contextmanager
    def kept_fresh(self) -> Iterator[None]:
        """While it lasts, what other processes read of this one is no older than two seconds; on the event loop."""

        async def refresh_now_and_then() -> None:
            while self.shared:
                self.refresh()
                await asyncio.sleep(_FRESH_EVERY_S)

        refreshing = asyncio.get_running_loop().create_task(refresh_now_and_then())
        try:
            yield
        finally:
            refreshing.cancel()
            self.refresh()

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format as of the last `refresh`; where processes share, the sum over them."""
        if not self.shared:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"weighbridge_{name}", what, (*_LANE, *labels), registry=self._registry)

    def _info(self, bundle: Bundle) -> Gauge:
        digests = (bundle.model_digest, bundle.decision_digest)
        return self._about.labels(bundle.model, bundle.version, bundle.release_id, str(bundle.task), *digests)


class _LogMetrics:
    """The writer's state as metrics; gauges of processes that ended are left out, what they wrote is not."""

    def __init__(self, registry: CollectorRegistry, state: Callable[[], LogState]) -> None:
        self._state = state
        self._known = _NO_RECORDS
        self._queue = Gauge(
            "weighbridge_log_queue_records",
            "Records that wait.",
            _LANE,
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._lag = Gauge(
            "weighbridge_log_lag_seconds",
            "Age of the oldest.",
            _LANE,
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._counters = {
            field: Counter(f"weighbridge_log_{name}", what, _LANE, registry=registry)
            for field, name, what in (
                ("written", "written_records", "Records stored."),
                ("dropped", "dropped_records", "Records lost."),
                ("refused", "refused_records", "Records not answered, as no journal kept them."),
                ("store_errors", "store_errors", "Failed stores."),
            )
        }

    def refresh(self, lane: Lane) -> None:
        """Take over the writer's state; what it counted since the last time is counted for this lane."""
        state, before = self._state(), self._known
        self._known = state
        self._queue.labels(*lane).set(state.waiting)
        self._lag.labels(*lane).set(state.lag_s)
        for field, counter in self._counters.items():
            counter.labels(*lane).inc(max(0, getattr(state, field) - getattr(before, field)))

    def forget(self, lane: Lane) -> None:
        """What waits is told with the next lane."""
        self._queue.labels(*lane).set(0)
        self._lag.labels(*lane).set(0)
