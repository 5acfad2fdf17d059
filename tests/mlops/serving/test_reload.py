"""What keeps another version from taking over, and how often it is tried."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from evaluation.errors import EnvironmentProblem, UserError
from evaluation.types import Task
from mlops.packaging.load import InputField
from mlops.serving import reload
from mlops.serving.config import ServeConfig
from mlops.serving.following import Followed
from mlops.serving.reload import Follower, Reason, refused
from mlops.serving.version import ServedVersion

AGE = InputField("age", "long", True)
JOB = InputField("job", "string", False)


@dataclass
class Version:
    bundle: object
    inputs: tuple[InputField, ...] = (AGE, JOB)


@dataclass
class Seat:
    """Takes what it is given, and remembers failures; `prepare` may be told to fail."""

    version: Version
    error: Exception | None = None
    reasons: list[Reason] = field(default_factory=list)

    def prepare(self, bundle, model):
        if self.error is not None:
            raise self.error
        return Version(bundle, model.inputs)

    def take(self, version):
        self.version = version

    def failed(self, reason):
        self.reasons.append(reason)


class Source:
    """An alias that can be moved, and bundles that can be missing."""

    def __init__(self, bundle):
        self.wanted = "4"
        self.bundle = bundle
        self.silent = None
        self.error = None
        self.fetched = 0

    def version(self):
        if self.silent is not None:
            raise self.silent
        return self.wanted

    def fetch(self, version):
        self.fetched += 1
        if self.error is not None:
            raise self.error
        return replace(self.bundle, version=version)


@pytest.fixture
def source(bundle):
    return Source(bundle)


@pytest.fixture
def seat(bundle):
    return Seat(Version(bundle))


@pytest.fixture
def loaded(monkeypatch, fake_model):
    """What `load_model` gives, or raises."""
    answer = {"model": fake_model()}

    def load(*_, **__):
        if isinstance(answer["model"], Exception):
            raise answer["model"]
        return answer["model"]

    monkeypatch.setattr(reload, "load_model", load)
    return answer


@pytest.fixture
def now(monkeypatch):
    """The clock by which versions are put off."""
    time = [0.0]
    monkeypatch.setattr(reload.time, "monotonic", lambda: time[0])
    return time


def look(source, seat, follower=None):
    (follower or Follower(source, every_s=5)).look(seat, seat.take)


def test_another_version_takes_the_seat(source, seat, loaded):
    look(source, seat)
    assert seat.version.bundle.version == "4"
    assert seat.reasons == []
    look(source, seat)
    assert source.fetched == 1


@pytest.mark.parametrize(
    ("part", "error", "reason"),
    [
        ("alias", EnvironmentProblem("no answer"), Reason.REGISTRY),
        ("alias", UserError("no champion"), Reason.REGISTRY),
        ("alias", OSError("unplugged"), Reason.REGISTRY),
        ("bundle", EnvironmentProblem("no answer"), Reason.REGISTRY),
        ("bundle", UserError("the record was changed"), Reason.EVIDENCE),
        ("model", EnvironmentProblem("does not load"), Reason.MODEL),
        ("model", MemoryError(), Reason.MODEL),
        ("version", UserError("an input of no type"), Reason.SIGNATURE),
        ("version", ValueError("ranges"), Reason.MODEL),
    ],
)
def test_whatever_fails_the_version_stays(source, seat, loaded, part, error, reason):  # noqa: PLR0917
    match part:
        case "alias":
            source.silent = error
        case "bundle":
            source.error = error
        case "model":
            loaded["model"] = error
        case "version":
            seat.error = error
    look(source, seat)
    assert seat.version.bundle.version == "3"
    assert seat.reasons == [reason]


def test_a_model_of_another_task_or_signature_stays_outside(source, seat, loaded):
    source.bundle = replace(source.bundle, task=Task.REGRESSION)
    look(source, seat)
    source.bundle = replace(source.bundle, task=Task.BINARY)
    seat.version.inputs = (AGE,)
    loaded["model"].inputs = (InputField("age", "string", True),)
    look(source, seat)
    assert seat.reasons == [Reason.SIGNATURE, Reason.SIGNATURE]


def test_what_is_logged_names_no_folder_and_no_foreign_message(source, seat, loaded, caplog):
    for error in (UserError("/srv/secret/bundle is not a bundle"), ValueError("/srv/secret")):
        source.error = error
        look(source, seat)
    assert [record.facts["found"] for record in caplog.records] == ["... is not a bundle", "ValueError"]


def test_one_that_failed_is_tried_again_later_and_later(source, seat, loaded, now):
    source.error = UserError("changed")
    follower = Follower(source, every_s=5)
    tried = []
    for now[0] in range(0, 200, 5):
        before = source.fetched
        look(source, seat, follower)
        if source.fetched > before:
            tried.append(now[0])
    assert tried == [0, 10, 30, 70, 130, 190]
    source.wanted, source.error = "5", None
    look(source, seat, follower)
    assert seat.version.bundle.version == "5"


def test_a_silent_registry_is_asked_less_often_until_it_answers(source, seat, loaded):
    follower = Follower(source, every_s=5)
    source.silent = EnvironmentProblem("no answer")
    pauses = []
    for _ in range(5):
        look(source, seat, follower)
        pauses.append(follower._pause_s())
    assert pauses == [10, 20, 40, 60, 60]
    source.silent = None
    look(source, seat, follower)
    assert follower._pause_s() == 5


@pytest.mark.parametrize(
    ("then", "found"),
    [
        ((AGE, JOB), None),
        ((JOB, AGE), None),
        ((InputField("age", "double", True), JOB), None),
        ((InputField("age", "long", False), JOB, InputField("city", "string", False)), None),
        ((AGE,), "field 'job' is gone"),
        ((InputField("age", "integer", True), JOB), "field 'age' is integer, and was long"),
        ((AGE, InputField("job", "string", True)), "field 'job' is required now"),
        ((AGE, JOB, InputField("city", "string", True)), "field 'city' is new and required"),
    ],
)
def test_a_request_that_is_answered_now_must_be_answered_then(then, found):
    assert refused((AGE, JOB), then) == found


@pytest.mark.parametrize("text", ["lending", "@champion", "lending@", "lending@best"])
def test_what_names_no_version_to_follow_is_refused(text):
    with pytest.raises(UserError, match="names no version to follow"):
        Followed.parse(text)


def test_who_leaves_answers_first_whom_it_began_with(bundle, fake_model):
    """Also a request that has not come to the model yet, as its body is still read."""
    reading, order = asyncio.Event(), []
    version = ServedVersion(bundle, fake_model(), ServeConfig(), threads=1)

    async def ask():
        with version:
            await reading.wait()
            order.append(await version.batcher.submit([(30, "none")]))

    async def leave():
        await version.leave()
        order.append("left")

    async def both():
        asking, leaving = asyncio.create_task(ask()), asyncio.create_task(leave())
        await asyncio.sleep(0)
        reading.set()
        await asyncio.gather(asking, leaving)

    asyncio.run(both())
    assert [order[0][:2], order[1]] == [([1], [0.75]), "left"]
    with pytest.raises(RuntimeError):
        asyncio.run(version.batcher.submit([(30, "none")]))
