"""How much a writer holds, and for how long."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """queue_records wait at most; a batch has up to batch_records, and waits no longer than wait_s for them."""

    queue_records: int
    batch_records: int
    wait_s: float
