"""The child process in which the embedded model runs: python -m evaluation.llm.embedded_server.

Its first line in says what to serve; its first line out says where, or why not. It ends when its input does, or
when another process has become its parent.
"""

import json
import os
import select
import sys
from importlib import import_module
from typing import Any

_LOOK_S = 1.0
# Kept prompts beyond those in the slots would take memory without bound.
_KEPT_MIB = 0


def main() -> None:
    """Serve until the owner is gone."""
    owner = os.getppid()
    asked = json.loads(sys.stdin.readline())
    # What the engine prints must not come between our lines.
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        server = _server(asked)
        line = {"address": server.listening_address}
    except Exception as error:  # noqa: BLE001 - told to the owner, who raises
        line = {"problem": f"{type(error).__name__}: {error}"}
    told.write(json.dumps(line) + "\n")
    told.close()
    while "address" in line and os.getppid() == owner:
        # The owner writes nothing more: whatever there is to read is the end.
        if select.select([sys.stdin], [], [], _LOOK_S)[0]:
            break
    # The engine's threads would hold an orderly end back.
    os._exit(0)


def _server(asked: dict[str, Any]) -> Any:
    xllamacpp = import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = asked["file"]
    params.model_alias = {asked["model"]}
    params.port = 0
    params.api_keys = [asked["key"]]
    params.n_parallel = asked["slots"]
    params.n_ctx = asked["slots"] * asked["context"]
    # One thread that sleeps while it waits: two of them on a busy machine are many times slower than one.
    for threads in (params.cpuparams, params.cpuparams_batch):
        threads.n_threads = 1
        threads.poll = 0
    params.n_gpu_layers = 0
    params.fit_params = False
    params.cache_ram_mib = _KEPT_MIB
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = 0
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
