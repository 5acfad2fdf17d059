"""Who served when: written down with every move, also with one that was killed; on a real store, with a clock."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from evaluation.errors import UserError
from mlops.registry.client import Alias, ModelVersion
from mlops.registry.history import History, on, parse_time, read_history, render, to_json
from mlops.registry.moves import move_champion, settle, settled, stretches
from mlops.registry.promote import fetch_bundle, promote, swap_back

if TYPE_CHECKING:
    from tests.mlops.conftest import Store

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def later(self, **by: int) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registered(store: "Store") -> list[ModelVersion]:
    """Three versions without a model, which moving an alias does not need."""
    with store.mlflow.start_run() as run:
        pass
    return [
        store.registry.register(
            source="runs:/x", run_id=run.info.run_id, description="", tags={"release": f"r{number}"}
        )
        for number in (1, 2, 3)
    ]


def days(store: "Store") -> dict[str, list[tuple[int, int | None]]]:
    """Version to its stretches, in days since the start."""
    return {
        version.version: [
            ((item.since - START).days, (item.until - START).days if item.until else None)
            for item in stretches(version)
        ]
        for version in store.registry.versions()
        if stretches(version)
    }


def aliases(store: "Store") -> tuple[str | None, str | None]:
    found = [store.registry.by_alias(alias) for alias in (Alias.CHAMPION, Alias.PREVIOUS)]
    return tuple(version.version if version else None for version in found)


def test_promotion_rollback_and_promotion_again(store: "Store", registered: Any, clock: Clock) -> None:
    move_champion(store.registry, "1", clock=clock)
    assert (aliases(store), days(store)) == (("1", None), {"1": [(0, None)]})
    clock.later(days=2)
    move_champion(store.registry, "2", clock=clock)
    clock.later(days=1)
    move_champion(store.registry, "1", back=True, clock=clock)
    assert aliases(store) == ("1", "2")
    clock.later(days=4)
    move_champion(store.registry, "2", clock=clock)
    clock.later(days=1)
    move_champion(store.registry, "3", clock=clock)
    assert aliases(store) == ("3", "2")
    assert days(store) == {"1": [(0, 2), (3, 7)], "2": [(2, 3), (7, 8)], "3": [(8, None)]}


def test_doing_it_twice_changes_nothing(store: "Store", registered: Any, clock: Clock) -> None:
    for version in ("1", "2"):
        move_champion(store.registry, version, clock=clock)
        before = (aliases(store), days(store))
        clock.later(days=1)
        move_champion(store.registry, version, clock=clock)
        assert settle(store.registry) is None
        assert (aliases(store), days(store)) == before


class KilledError(BaseException):
    """Stands for SIGKILL: nothing catches it."""


WRITES = (
    "set_registered_model_tag",
    "set_registered_model_alias",
    "set_model_version_tag",
    "delete_registered_model_tag",
)


@pytest.fixture
def killed_at(store: "Store", monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], object]], bool]:
    """Run something that dies right before its n-th write to the store; gives whether it came that far."""

    def run(at: int, action: Callable[[], object]) -> bool:
        left = iter(range(at))

        def guarded(real: Callable[..., object]) -> Callable[..., object]:
            def write(*arguments: object, **named: object) -> object:
                if next(left, None) is None:
                    raise KilledError
                return real(*arguments, **named)

            return write

        with monkeypatch.context() as patch:
            for name in WRITES:
                patch.setattr(store.registry._client, name, guarded(getattr(store.registry._client, name)))
            try:
                action()
            except KilledError:
                return True
        return False

    return run


def kills(limit: int = 12) -> Iterator[int]:
    return iter(range(limit))


def test_a_move_that_was_killed_anywhere_is_finished_by_the_next_try(
    store: "Store", registered: Any, clock: Clock, killed_at: Any
) -> None:
    tried = 0
    for at in kills():
        fresh(store)
        clock.now = START
        move_champion(store.registry, "1", clock=clock)
        clock.later(days=2)
        died = killed_at(at, lambda: move_champion(store.registry, "2", clock=clock))
        clock.later(hours=1)
        seen = {version.version: stretches(version) for version in settled(store.registry)}
        move_champion(store.registry, "2", clock=clock)
        assert aliases(store) == ("2", "1"), at
        assert days(store) == {"1": [(0, 2)], "2": [(2, None)]}, at
        if at > 0:
            assert seen == {version.version: stretches(version) for version in store.registry.versions()}, at
        tried += died
    assert tried == 6


def test_a_move_that_was_killed_is_finished_before_another_begins(
    store: "Store", registered: Any, clock: Clock, killed_at: Any
) -> None:
    for at in kills(6):
        fresh(store)
        clock.now = START
        move_champion(store.registry, "1", clock=clock)
        clock.later(days=2)
        assert killed_at(at, lambda: move_champion(store.registry, "2", clock=clock))
        clock.later(days=1)
        move_champion(store.registry, "3", clock=clock)
        assert aliases(store) == ("3", "2" if at else "1")
        two = {"2": [(2, 3)]} if at else {}
        assert days(store) == {"1": [(0, 2 if at else 3)], **two, "3": [(3, None)]}


def test_a_rollback_that_was_killed_is_not_taken_back_by_doing_it_again(
    store: "Store", registered: Any, clock: Clock, killed_at: Any
) -> None:
    for at in kills(6):
        fresh(store)
        clock.now = START
        for version in ("1", "2"):
            move_champion(store.registry, version, clock=clock)
            clock.later(days=1)

        def roll_back() -> None:
            previous, _ = swap_back(store.registry)
            move_champion(store.registry, previous.version, back=True, clock=clock)

        assert killed_at(at, roll_back)
        roll_back()
        assert aliases(store) == ("1", "2"), at
        assert days(store) == {"1": [(0, 1), (2, None)], "2": [(1, 2)]}, at
        roll_back()
        assert aliases(store) == ("2", "1")


def fresh(store: "Store") -> None:
    """As if nothing had ever served."""
    for alias in Alias:
        store.registry.set_alias(alias, None)
    store.registry.tag_model("move", None)
    for version in store.registry.versions():
        if version.served is not None:
            store.mlflow.MlflowClient().delete_model_version_tag(
                "small", version.version, "weighbridge.served"
            )


def test_an_alias_that_somebody_moved_by_hand(
    store: "Store", registered: Any, clock: Clock, killed_at: Any
) -> None:
    move_champion(store.registry, "1", clock=clock)
    clock.later(days=1)
    assert killed_at(1, lambda: move_champion(store.registry, "2", clock=clock))
    store.registry.set_alias(Alias.CHAMPION, "3")
    history = read_history(store.registry, store.home / "releases")
    assert history.unknown == "3"
    assert [(item.version, item.until, item.serves) for item in history.served] == [("1", None, False)]
    assert "version 3 is champion, but not by Weighbridge's doing" in shown(history)
    clock.later(days=1)
    move_champion(store.registry, "2", clock=clock)
    assert aliases(store) == ("2", "3")
    history = read_history(store.registry, store.home / "releases")
    assert history.unknown is None
    ends = [(item.version, item.until and (item.until - START).days) for item in history.served]
    assert ends == [("2", None), ("1", 2)], "nobody knows when, but not after the next one began"


def shown(history: History, *, proof: bool = False) -> str:
    console = Console(width=160, record=True, quiet=False, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    with console.capture() as captured:
        console.print(render(history, proof=proof))
    console.file.close()
    return captured.get()


RELEASES = [f"20260501-12000{number}-0000000{number}" for number in (1, 2)]


@pytest.fixture
def history(store: "Store", clock: Clock) -> History:
    """The first served, the second after it for a day, then the first again; the second with a waiver."""
    first = fetch_bundle(store.registry, store.release(RELEASES[0]), store.home / "bundles")
    promote(store.registry, first, clock=clock)
    clock.later(days=2)
    waiver = {"check": "recall*", "owner": "Ada", "reason": "[bold] few positives", "until": "2026-06-01"}
    second = fetch_bundle(store.registry, store.release(RELEASES[1], waiver=waiver), store.home / "bundles")
    promote(store.registry, second, clock=clock)
    clock.later(days=1)
    promote(store.registry, first, back=True, clock=clock)
    return read_history(store.registry, store.home / "releases")


def test_the_history_is_newest_first_and_names_the_decision(history: History, store: "Store") -> None:
    told = [
        (item.version, item.release_id, item.serves, len(item.decision.waivers)) for item in history.served
    ]
    assert told == [("1", RELEASES[0], True, 0), ("2", RELEASES[1], False, 1), ("1", RELEASES[0], False, 0)]
    by_version = {version.version: version for version in store.registry.versions()}
    for item in history.served:
        assert item.decision.digest == by_version[item.version].decision_digest
        assert item.decision.key == by_version[item.version].decision_key
        assert (item.decision.verdict, item.decision.problem) == ("pass", None)
    assert history.unknown is None
    text = shown(history)
    assert "serves" in text
    assert "recall*" in text
    assert json.loads(json.dumps(to_json(history)))["served"][0]["since"] == "2026-05-04T12:00:00+00:00"


@pytest.mark.parametrize(
    ("moment", "versions"),
    [
        ("2026-04-30", []),
        ("2026-05-01", ["1"]),
        ("2026-05-03", ["2", "1"]),
        ("2026-05-03T11:59:59", ["1"]),
        ("2026-05-03T12:00", ["2"]),
        ("2026-05-03T14:00+02:00", ["2"]),
        ("2026-05-03T13:59+02:00", ["1"]),
        ("2026-05-04", ["1", "2"]),
        ("20260503", ["2", "1"]),
        ("2026-05-05", ["1"]),
        ("2030-01-01", ["1"]),
    ],
)
def test_what_served_at_a_day_or_a_moment(history: History, moment: str, versions: list[str]) -> None:
    assert [item.version for item in on(history, *parse_time(moment)).served] == versions


def test_what_served_at_a_day_is_told_with_its_proof(history: History) -> None:
    text = shown(on(history, *parse_time("2026-05-03")), proof=True)
    for item in history.served:
        assert f"by decision {item.decision.digest}" in text
        assert f"signed by key {item.decision.key}" in text
    assert "waived recall* until 2026-06-01, Ada: [bold] few positives" in text


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2026-05-03T25:00", "", "9999-12-31"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UserError, match="is neither a day nor a time"):
        parse_time(text)


def test_a_record_that_does_not_hold_is_told_with_the_stretch(
    history: History, store: "Store", tmp_path: Path
) -> None:
    """What served did serve, whatever became of its record."""
    folder = next((store.home / "artifacts").glob("*/artifacts/weighbridge"))
    (folder / "decision.json").write_bytes(
        (folder / "decision.json").read_bytes().replace(b"small", b"smalL")
    )
    elsewhere = read_history(store.registry, tmp_path / "no releases here")
    problems = [item.decision.problem for item in elsewhere.served]
    assert len(problems) == 3
    assert sum(problem is not None and "was changed" in problem for problem in problems) in {1, 2}
    assert "(not proven)" in shown(elsewhere)


def test_nothing_served_yet(store: "Store") -> None:
    assert read_history(store.registry, store.home).served == ()
