"""Jobs: requests that are answered later, kept in memory."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Protocol

from pydantic_core import to_json

from mlops.serving.errors import Busy, RequestProblem, problem_json
from mlops.serving.handler import Answer, Call
from mlops.serving.ids import uuid7
from mlops.serving.jobs.addresses import Place
from mlops.serving.jobs.config import JobsConfig
from mlops.serving.jobs.webhooks import Webhooks
from mlops.serving.metrics import Lane
from mlops.serving.tracing import UNTRACED, Steps

_LOG = logging.getLogger("weighbridge.jobs")
Ask = Callable[[], Awaitable[Answer]]


class State(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Counts(Protocol):
    """Where jobs are counted, for the version that begins to answer; mlops.serving.metrics.Metrics is one."""

    lane: Lane

    def predicted(self, rows: int, lane: Lane | None = None) -> None:
        """Rows that were answered."""
        ...

    def failed(self, kind: str, lane: Lane | None = None) -> None:
        """A request without an answer."""
        ...

    def job(self, state: str) -> None:
        """A job that came into a state."""
        ...

    def webhook(self, outcome: str) -> None:
        """A delivery that came to its end."""
        ...


@dataclass
class Job:
    """One request that is answered later; `headers` go with its webhook."""

    id: str
    call: Call
    callback: Place | None
    headers: Mapping[str, str]
    made_at: datetime
    state: State = State.QUEUED
    answer: Answer | None = None
    problem: dict[str, Any] | None = None
    ended_at: datetime | None = None

    def told(self) -> dict[str, Any]:
        """What its caller sees."""
        found = {
            "id": self.id,
            "state": self.state,
            "made_at": self.made_at.isoformat(timespec="milliseconds"),
        }
        if self.answer is not None:
            return {**found, "answer": self.answer}
        return found if self.problem is None else {**found, "problem": self.problem}


class Jobs:
    """Takes requests, answers them beside the others, and keeps the answers for a while, in this process only.

    steps: whose trace goes on in a webhook.
    """

    def __init__(
        self,
        config: JobsConfig,
        counts: Counts,
        webhooks: Webhooks | None = None,
        steps: Steps = UNTRACED,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._config = config
        self._counts = counts
        self.webhooks = webhooks
        self._steps = steps
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._ended: OrderedDict[str, Job] = OrderedDict()
        self._queue: asyncio.Queue[tuple[Job, Ask, Context]] = asyncio.Queue(config.waiting)
        self._tasks: set[asyncio.Task[None]] = set()
        self._unfinished = 0

    def start(self) -> None:
        """Begin to work; call it on the event loop that serves."""
        for _ in range(self._config.at_once):
            self._spawn(self._work())

    def submit(self, ask: Ask, call: Call, callback: Place | None = None) -> Job:
        """Take a request, which `ask` answers. Raises Busy where too many wait."""
        self._forget()
        job = Job(uuid7(), call, callback, self._steps.headers(), self._clock())
        try:
            # The request's context has its trace in it.
            self._queue.put_nowait((job, ask, copy_context()))
        except asyncio.QueueFull:
            raise Busy("too many jobs wait") from None
        self._jobs[job.id] = job
        self._unfinished += 1
        self._counts.job(State.QUEUED)
        return job

    def find(self, job_id: str, caller_id: str) -> Job | None:
        """The job of this caller; None for one that is unknown, another's, or over its time."""
        self._forget()
        job = self._jobs.get(job_id)
        return job if job is not None and job.call.caller.id == caller_id else None

    async def close(self, within_s: float = 10.0) -> int:
        """Finish what was taken, in so many seconds; returns how many jobs and deliveries were lost."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._queue.join()
                while self._unfinished:
                    await asyncio.wait(self._tasks, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        lost = self._unfinished
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.webhooks is not None:
            await self.webhooks.close()
        if lost:
            _LOG.error("jobs lost at the end", extra={"facts": {"jobs": lost}})
        return lost

    async def _work(self) -> None:
        while True:
            job, ask, context = await self._queue.get()
            try:
                await asyncio.get_running_loop().create_task(self._run(job, ask), context=context)
            finally:
                self._queue.task_done()

    async def _run(self, job: Job, ask: Ask) -> None:
        job.state, lane = State.RUNNING, self._counts.lane
        try:
            job.answer = await ask()
        except RequestProblem as error:
            self._counts.failed(error.kind, lane)
            job.problem = problem_json(error.status, error.detail, job.call.request_id, error.fields)
        except Exception as error:  # noqa: BLE001 - a job's worker must live; the message may quote the caller's values
            self._counts.failed("Unexpected", lane)
            facts = {"reason": type(error).__name__, "request_id": job.call.request_id}
            _LOG.error("unexpected error", extra={"facts": facts})
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            job.problem = problem_json(status, "unexpected error", job.call.request_id)
        else:
            self._counts.predicted(len(job.answer.predictions), lane)
        job.state = State.DONE if job.problem is None else State.FAILED
        self._end(job)

    def _end(self, job: Job) -> None:
        job.ended_at = self._clock()
        self._ended[job.id] = job
        self._counts.job(job.state)
        if job.callback is not None and self.webhooks is not None:
            self._spawn(self._deliver(self.webhooks, job, job.callback))
        else:
            self._unfinished -= 1

    async def _deliver(self, webhooks: Webhooks, job: Job, place: Place) -> None:
        outcome = await webhooks.deliver(place, to_json(job.told()), job.headers)
        self._counts.webhook(outcome)
        self._unfinished -= 1

    def _forget(self) -> None:
        """Let go of answers that were kept long enough, and of the oldest where there are too many."""
        latest = self._clock() - self._config.keep
        while self._ended:
            oldest = next(iter(self._ended.values()))
            if (
                oldest.ended_at is not None
                and oldest.ended_at > latest
                and len(self._ended) <= self._config.most
            ):
                return
            del self._ended[oldest.id], self._jobs[oldest.id]

    def _spawn(self, work: Any) -> None:
        # The loop itself keeps only weak references.
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
