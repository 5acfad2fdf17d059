"""Jobs: requests that are answered later, by the process that took them; any process tells of them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context, copy_context
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Protocol

from pydantic_core import to_json

from mlops.serving.answers import Answer, Generated
from mlops.serving.errors import Busy, Invalid, RequestProblem, problem_json
from mlops.serving.handler import Call
from mlops.serving.ids import uuid7
from mlops.serving.jobs.addresses import Place
from mlops.serving.jobs.config import JobsConfig
from mlops.serving.jobs.job import Job, State, lost
from mlops.serving.jobs.store import JobStore
from mlops.serving.jobs.webhooks import Outcome, Webhooks
from mlops.serving.metrics import Lane
from mlops.serving.tracing import UNTRACED, Steps

_LOG = logging.getLogger("weighbridge.jobs")
_LOOK_EVERY_S = 5.0
_POSTS_AT_ONCE = 16
_LOST = "lost"
Ask = Callable[[], Awaitable[Answer | Generated]]


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


class Jobs:
    """Takes requests and answers them beside the others; the store keeps what they and other processes' jobs came to.

    A request's body stays in the process that took it: a job whose process ended is told as failed, by any other.
    steps: whose trace goes on in a webhook.
    """

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        config: JobsConfig,
        counts: Counts,
        store: JobStore,
        webhooks: Webhooks | None = None,
        steps: Steps = UNTRACED,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._config = config
        self._counts = counts
        self._store = store
        self.webhooks = webhooks
        self._steps = steps
        self._clock = clock
        self._queue: asyncio.Queue[tuple[Job, Ask, Context]] = asyncio.Queue()
        self._posts: asyncio.Queue[str] = asyncio.Queue(config.most)
        self._tasks: set[asyncio.Task[Any]] = set()
        # Of this process: jobs that have not begun, and jobs or posts that have not ended.
        self._waiting = self._unfinished = 0
        # Jobs that ended while the disk took nothing.
        self._untold: dict[str, Job] = {}

    async def start(self) -> None:
        """Begin to work; call it on the event loop that serves. Raises EnvironmentProblem where none can be kept."""
        await asyncio.to_thread(self._store.open)
        for _ in range(self._config.at_once):
            self._spawn(self._work())
        for _ in range(_POSTS_AT_ONCE if self.webhooks is not None else 0):
            self._spawn(self._post())
        self._spawn(self._keep_order())

    async def submit(self, ask: Ask, call: Call, callback: Place | None = None) -> Job:
        """Take a request, which `ask` answers. Raises Busy where too many wait."""
        if self._waiting >= self._config.waiting:
            raise Busy("too many jobs wait")
        self._waiting += 1
        url = None if callback is None else callback.url
        job = Job(uuid7(), call.caller.id, call.request_id, self._clock(), url, self._steps.headers())
        # The request's context has its trace in it. A caller who hangs up meanwhile has asked all the same.
        return await asyncio.shield(self._spawn(self._take(job, ask, copy_context())))

    async def find(self, job_id: str, caller_id: str) -> Job | None:
        """The job of this caller; None for one that is unknown, another's, or over its time. Raises Busy."""
        job = await asyncio.to_thread(self._store.find, job_id)
        if job is None or job.caller != caller_id:
            return None
        if job.ended or job.owner == self._store.owner:
            return job
        if not await asyncio.to_thread(self._store.is_gone, job.owner):
            return job
        await self._take_over()
        return await asyncio.to_thread(self._store.find, job_id)

    async def close(self, within_s: float = 10.0) -> int:
        """Finish what was taken, in so many seconds; returns how many jobs and deliveries were not.

        Such jobs are told as lost from now on, and such deliveries left to another process.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self.join()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.webhooks is not None:
            await self.webhooks.close()
        self._count_lost(await asyncio.to_thread(self._store.close))
        if self._unfinished:
            _LOG.error("jobs lost at the end", extra={"facts": {"jobs": self._unfinished}})
        return self._unfinished

    async def join(self) -> None:
        """Wait until nothing that was taken is left to answer or to post."""
        await self._queue.join()
        await self._posts.join()

    async def look_after(self) -> None:
        """Tell and post what others left, and let go of what was kept for long enough. Raises Busy."""
        await self._tell_untold()
        await self._take_over()
        await asyncio.to_thread(self._store.forget)

    async def _take(self, job: Job, ask: Ask, context: Context) -> Job:
        try:
            await asyncio.to_thread(self._store.add, job)
        except BaseException:
            self._waiting -= 1
            raise
        self._unfinished += 1
        self._counts.job(State.QUEUED)
        self._queue.put_nowait((job, ask, context))
        return job

    async def _work(self) -> None:
        while True:
            job, ask, context = await self._queue.get()
            self._waiting -= 1
            try:
                await asyncio.get_running_loop().create_task(self._run(job, ask), context=context)
            finally:
                self._queue.task_done()

    async def _run(self, job: Job, ask: Ask) -> None:
        lane = self._counts.lane
        with suppress(Busy):
            await asyncio.to_thread(self._store.begin, job.id)
        problem = None
        try:
            answer = await ask()
        except RequestProblem as error:
            self._counts.failed(error.kind, lane)
            problem = problem_json(error.status, error.detail, job.request_id, error.fields)
        except Exception as error:  # noqa: BLE001 - a job's worker must live; the message may quote the caller's values
            self._counts.failed("Unexpected", lane)
            facts = {"reason": type(error).__name__, "request_id": job.request_id}
            _LOG.error("unexpected error", extra={"facts": facts})
            problem = problem_json(HTTPStatus.INTERNAL_SERVER_ERROR, "unexpected error", job.request_id)
        else:
            self._counts.predicted(answer.count, lane)
        if problem is None:
            await self._end(job, State.DONE, to_json({"answer": answer}))
        else:
            await self._end(job, State.FAILED, to_json({"problem": problem}))

    async def _end(self, job: Job, state: State, outcome: bytes) -> None:
        try:
            await asyncio.to_thread(self._store.end, job.id, state, outcome)
        except Busy:
            # Perhaps it is the answer that is too large.
            self._untold[job.id], state = job, State.FAILED
            await self._tell_untold()
        self._counts.job(state)
        if job.callback is None or self.webhooks is None:
            self._unfinished -= 1
        else:
            await self._to_be_posted(job.id)

    async def _to_be_posted(self, job_id: str) -> None:
        """Raises nothing: where more wait than answers are kept, there is nothing left to post."""
        try:
            self._posts.put_nowait(job_id)
        except asyncio.QueueFull:
            await self._posted(job_id, Outcome.GAVE_UP)

    async def _post(self) -> None:
        while True:
            job_id = await self._posts.get()
            try:
                await self._posted(job_id, await self._deliver(job_id))
            finally:
                self._posts.task_done()

    async def _deliver(self, job_id: str) -> Outcome:
        """Post what is kept of a job, so that waiting for a receiver takes no memory."""
        try:
            job = await asyncio.to_thread(self._store.find, job_id)
        except Busy:
            return Outcome.GAVE_UP
        if job is None or job.callback is None or self.webhooks is None:
            return Outcome.GAVE_UP
        try:
            # Another process may have taken it, under another policy.
            place = self.webhooks.place(job.callback)
        except Invalid:
            return Outcome.FORBIDDEN
        return await self.webhooks.deliver(place, job.told(), job.headers)

    async def _posted(self, job_id: str, outcome: Outcome) -> None:
        with suppress(Busy):
            await asyncio.to_thread(self._store.posted, job_id)
        self._counts.webhook(outcome)
        self._unfinished -= 1

    async def _keep_order(self) -> None:
        while True:
            with suppress(Busy):
                await self.look_after()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _take_over(self) -> None:
        many, ids = await asyncio.to_thread(self._store.take_over, posts=self.webhooks is not None)
        self._count_lost(many)
        for job_id in ids:
            self._unfinished += 1
            await self._to_be_posted(job_id)

    async def _tell_untold(self) -> None:
        for job in list(self._untold.values()):
            outcome = lost(job.request_id, "the answer could not be kept")
            with suppress(Busy):
                await asyncio.to_thread(self._store.end, job.id, State.FAILED, outcome)
                self._untold.pop(job.id, None)

    def _count_lost(self, many: int) -> None:
        for _ in range(many):
            self._counts.job(_LOST)

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        # The loop itself keeps only weak references.
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
