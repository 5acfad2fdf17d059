"""What Prometheus can ask this process."""

from collections.abc import Callable, Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mlops.packaging.bundle import Bundle
from mlops.serving.log.writer import LogState

# From a cached answer to the patience of a caller, each about twice the one before.
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BUCKETS_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096)


class Metrics:
    """The metrics of one served version, all named `weighbridge_...` and labelled with model and version."""

    def __init__(self, bundle: Bundle, log_state: Callable[[], LogState]) -> None:
        # When each counter was made is of no use here, and would be a third of the lines.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._lane = (bundle.model, bundle.version)
        lane = ("model", "version")
        self._seconds = Histogram(
            "weighbridge_request_seconds",
            "Time from a request's first byte to the end of its answer.",
            (*lane, "route", "status"),
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._predictions = Counter(
            "weighbridge_predictions", "Rows answered.", lane, registry=self._registry
        ).labels(*self._lane)
        self._batch_rows = Histogram(
            "weighbridge_batch_rows",
            "Rows in one call of the model.",
            lane,
            buckets=_BUCKETS_ROWS,
            registry=self._registry,
        ).labels(*self._lane)
        self._model_seconds = Histogram(
            "weighbridge_model_seconds",
            "Time of one call of the model.",
            lane,
            buckets=_BUCKETS_S,
            registry=self._registry,
        ).labels(*self._lane)
        self._errors = Counter(
            "weighbridge_errors", "Requests not answered, by class.", (*lane, "kind"), registry=self._registry
        )
        self._refusals = Counter(
            "weighbridge_refusals",
            "Requests turned away at the door, by reason.",
            (*lane, "reason"),
            registry=self._registry,
        )
        self._guards = Counter(
            "weighbridge_guards",
            "What guards found in fields and answers, and what was done.",
            (*lane, "field", "kind", "action"),
            registry=self._registry,
        )
        about = Gauge(
            "weighbridge_model_info",
            "Which model this process serves; always 1.",
            (*lane, "release_id", "task", "model_digest", "decision_digest"),
            registry=self._registry,
        )
        digests = (bundle.model_digest, bundle.decision_digest)
        about.labels(*self._lane, bundle.release_id, str(bundle.task), *digests).set(1)
        self._registry.register(_LogCollector(self._lane, log_state))
        ProcessCollector(registry=self._registry)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._seconds.labels(*self._lane, route, str(status)).observe(seconds)

    def asked(self, rows: int, seconds: float) -> None:
        """Observe one call of the model."""
        self._batch_rows.observe(rows)
        self._model_seconds.observe(seconds)

    def predicted(self, rows: int) -> None:
        """Count rows that were answered."""
        self._predictions.inc(rows)

    def failed(self, kind: str) -> None:
        """Count a request that was not answered."""
        self._errors.labels(*self._lane, kind).inc()

    def refused(self, reason: str) -> None:
        """Count a request that was turned away before the model saw it."""
        self._refusals.labels(*self._lane, reason).inc()

    def guarded(self, field: str, kind: str, action: str, times: int) -> None:
        """Count what a guard found; the field is one of the signature's, so that there is an end to the labels."""
        self._guards.labels(*self._lane, field, kind, action).inc(times)

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)


class _LogCollector(Collector):
    """Asks the writer only when somebody asks for metrics."""

    def __init__(self, lane: tuple[str, str], state: Callable[[], LogState]) -> None:
        self._lane = lane
        self._state = state

    def collect(self) -> Iterable[Metric]:
        state = self._state()
        names = ("model", "version")
        for family, value in (
            (
                GaugeMetricFamily("weighbridge_log_queue_records", "Records that wait.", labels=names),
                state.waiting,
            ),
            (
                GaugeMetricFamily("weighbridge_log_lag_seconds", "Age of the oldest.", labels=names),
                state.lag_s,
            ),
            (
                CounterMetricFamily("weighbridge_log_written_records", "Records stored.", labels=names),
                state.written,
            ),
            (
                CounterMetricFamily("weighbridge_log_dropped_records", "Records lost.", labels=names),
                state.dropped,
            ),
            (
                CounterMetricFamily(
                    "weighbridge_log_refused_records",
                    "Records not answered, as no journal kept them.",
                    labels=names,
                ),
                state.refused,
            ),
            (
                CounterMetricFamily("weighbridge_log_store_errors", "Failed stores.", labels=names),
                state.store_errors,
            ),
        ):
            family.add_metric(self._lane, value)
            yield family
