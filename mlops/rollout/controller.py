"""Puts a version in front of users without losing a request, and takes it back.

The order of steps makes every one of them safe to be the last: a lane is marked by its start, it is recorded
before it gets a request, the router is switched before the record says so, and lanes are stopped last,
when they are in neither. The next command makes the router agree with the record, and stops all else.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from evaluation.errors import EnvironmentProblem, UserError
from mlops.config import RolloutConfig
from mlops.rollout import ports
from mlops.rollout.haproxy import HAProxy
from mlops.rollout.lanes import Lanes, Wanted
from mlops.rollout.probe import Clock
from mlops.rollout.state import Deployment, Placed, Role, Router, StateFile
from mlops.rollout.targets.base import Target
from mlops.serving.access.binding import require_guarded
from mlops.serving.config import ServeConfig

Progress = Callable[[str], None]
_ROUTER_STOPS_WITHIN_S = 10.0
_DRAIN_WITHIN_S = 15.0


class Rollout:
    """The router and the lanes of one home."""

    def __init__(
        self,
        home: Path,
        serve: ServeConfig,
        rollout: RolloutConfig,
        target: Target,
        clock: Clock | None = None,
    ) -> None:
        home = home.resolve()
        self._serve = serve
        self._target = target
        self._lanes = Lanes(home, serve, rollout, target, clock or Clock())
        self._state = StateFile(home / "serving")
        self._router = HAProxy(home / "serving")

    def deploy(
        self, artefact: str, *, model: str, version: str, release_id: str, progress: Progress | None = None
    ) -> Deployment:
        """Make a version the champion; the last champion stays warm as previous, older lanes are stopped.

        Run again after any interruption, it finishes or starts over; when the version is serving already,
        nothing is restarted. Raises UserError for an artefact that is not there and where the router would let
        other machines ask without a key, EnvironmentProblem when the port is taken, another deployment is under
        way, or the new lane is not ready in time: then the champion goes on untouched.
        """
        require_guarded(self._serve.host, self._serve.access)
        wanted = Wanted(artefact, model, version, release_id, self._target.name)
        with self._state.lock(f"deploying version {version}"):
            return self._bring_in(wanted, progress or _silent)

    def rollback(self, expected_previous_version: str, progress: Progress | None = None) -> Deployment:
        """Make the previous version champion again, at once if its lane is warm; the two change places.

        When that version is champion already, as after an interrupted rollback, nothing changes. Raises
        UserError when another version is previous, or none; else as `deploy`.
        """
        with self._state.lock(f"rolling back to version {expected_previous_version}"):
            recorded = self._state.read()
            lanes = recorded.lanes if recorded else ()
            known = {p.lane.version: p.lane for p in lanes if p.role in {Role.PREVIOUS, Role.CHAMPION}}
            if expected_previous_version not in known:
                raise _no_way_back(expected_previous_version, recorded.previous if recorded else None)
            return self._bring_in(Wanted.of(known[expected_previous_version]), progress or _silent)

    def status(self) -> Deployment | None:
        """What is recorded, with `alive` filled in; None when nothing is deployed. Changes nothing."""
        recorded = self._state.read()
        if recorded is None:
            return None
        lanes = tuple(replace(placed, alive=self._lanes.is_alive(placed.lane)) for placed in recorded.lanes)
        router = replace(recorded.router, alive=self._router.answers(recorded.router))
        return replace(recorded, router=router, lanes=lanes)

    def stop(self) -> None:
        """Stop the router, then every lane of this home, and forget them; does nothing when there is none."""
        with self._state.lock("stopping"):
            self._stop_all()

    def _bring_in(self, wanted: Wanted, say: Progress) -> Deployment:
        """Switch to a warm lane that is the wanted version, else to a new one."""
        deployment = self._converge(wanted, say)
        same = (placed for placed in deployment.lanes if Wanted.of(placed.lane) == wanted)
        warm = next((placed for placed in same if self._lanes.is_warm(placed.lane)), None)
        if warm and warm is deployment.champion:
            say(f"version {wanted.version} is serving on {deployment.url}")
            return deployment
        if warm:
            return self._switch(deployment, warm, say)
        try:
            with_challenger, challenger = self._start(deployment, wanted, say)
            self._lanes.wait_ready(challenger.lane)
        except BaseException:
            self._give_up(deployment)
            raise
        return self._switch(with_challenger, challenger, say)

    def _start(self, deployment: Deployment, wanted: Wanted, say: Progress) -> tuple[Deployment, Placed]:
        """A lane that is coming up, recorded: the one that an interrupted command left, else a new one."""
        if left := deployment.challenger:
            say(f"waiting for the lane of version {wanted.version} on port {left.lane.port}")
            return deployment, left
        lane = self._lanes.start(wanted)
        say(f"starting a lane for version {wanted.version} on port {lane.port}")
        challenger = Placed(lane, Role.CHALLENGER, deployment.free_slot(), weight=0)
        deployment = replace(deployment, lanes=(*deployment.lanes, challenger))
        self._state.write(deployment)
        return deployment, challenger

    def _switch(self, deployment: Deployment, to: Placed, say: Progress) -> Deployment:
        """Send requests to `to`, record it, then stop the lanes that are neither champion nor previous."""
        after = deployment.promoted(to)
        leaving = deployment.without(*after.lanes).lanes
        drained = tuple(replace(placed, weight=0) for placed in leaving)
        self._router.apply(after.router, (*after.lanes, *drained))
        self._state.write(after)
        say(f"version {to.lane.version} is serving on {after.url}")
        self._router.wait_drained(after.router, [p.slot for p in leaving], within_s=_DRAIN_WITHIN_S)
        self._router.apply(after.router, after.lanes)
        self._lanes.stop_all_but(after.served)
        return after

    def _give_up(self, before: Deployment) -> None:
        """Stop what is coming up; the champion goes on, and where there is none nothing is left."""
        if before.champion is None:
            self._stop_all()
            return
        before = before.without(before.challenger)
        self._lanes.stop_all_but(before.served)
        self._state.write(before)

    def _converge(self, wanted: Wanted, say: Progress) -> Deployment:
        """The recorded deployment, with a router that agrees with it and no lane beside it.

        Of what an interrupted command left behind only a challenger that is wanted now is kept.
        """
        recorded = self._state.read()
        deployment = self._with_router(recorded, say)
        challenger, champion = deployment.challenger, deployment.champion
        if challenger and not (
            Wanted.of(challenger.lane) == wanted and self._lanes.is_alive(challenger.lane)
        ):
            deployment = deployment.without(challenger)
        if deployment != recorded:
            self._state.write(deployment)
        if champion is None or self._lanes.is_alive(champion.lane):
            self._router.apply(deployment.router, deployment.lanes)
            self._lanes.stop_all_but(deployment.served)
        # Else an interrupted command may have switched to a lane that now answers in the champion's place.
        return deployment

    def _with_router(self, recorded: Deployment | None, say: Progress) -> Deployment:
        """The recorded deployment with a router that answers where weighbridge.yaml says."""
        host, port = ports.address(self._serve.host), self._serve.port
        router = recorded.router if recorded else None
        self._router.stop_strays(router, within_s=_ROUTER_STOPS_WITHIN_S)
        if recorded is None or router is None:
            return Deployment(self._start_router(host, port, (), say))
        port = port or router.port
        moved = (host, port) != (router.host, router.port)
        if not moved and self._router.answers(router):
            return recorded
        if moved:  # better found out while the router still answers where it did
            ports.require_free(host, port)
        self._router.stop(router, within_s=_ROUTER_STOPS_WITHIN_S)
        return replace(recorded, router=self._start_router(host, port, recorded.lanes, say))

    def _start_router(self, host: str, port: int, lanes: tuple[Placed, ...], say: Progress) -> Router:
        require_guarded(host, self._serve.access)
        router = self._router.start(host, port, lanes)
        say(f"the router listens on {router.url}")
        return router

    def _stop_all(self) -> None:
        """Stop what is recorded and what is marked as ours, also when the record cannot be read."""
        recorded = None
        with suppress(EnvironmentProblem):
            recorded = self._state.read()
        if recorded:
            self._router.stop(recorded.router, within_s=_ROUTER_STOPS_WITHIN_S)
        self._router.stop_strays(None, within_s=_ROUTER_STOPS_WITHIN_S)
        for lane in recorded.served if recorded else ():
            self._lanes.stop(lane)
        self._lanes.stop_all_but(())
        self._state.remove()
        self._router.clean()


def _no_way_back(expected: str, previous: Placed | None) -> UserError:
    if previous is None:
        return UserError(
            "there is no previous version to go back to",
            expected="two versions deployed one after the other",
            next_step="weighbridge status",
        )
    return UserError(
        f"version {previous.lane.version} is previous, not {expected}",
        expected="the deployment and the registry to agree",
        next_step="weighbridge status, then: weighbridge deploy",
    )


def _silent(_: str) -> None:
    return
