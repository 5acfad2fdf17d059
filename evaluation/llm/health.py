"""Whether an endpoint is still worth asking: a dead one is asked a few times, not once for every request."""

from dataclasses import dataclass

from evaluation.llm.values import Failed, FailureKind, Reply

# Kinds that say something of the endpoint. One request may be rejected for itself, but hardly so many in a row.
_OF_THE_ENDPOINT = {
    FailureKind.DOWN,
    FailureKind.TIMEOUT,
    FailureKind.RATE_LIMITED,
    FailureKind.REFUSED_KEY,
    FailureKind.REJECTED,
}
_AT_LEAST_IN_A_ROW = 4


@dataclass
class Health:
    """What the last answers tell of an endpoint; may be shared by several that ask the same one.

    concurrency: requests at a time, of which one bad moment fails all. Once given up it stays so.

    >>> health = Health(concurrency=1)
    >>> for _ in range(4):
    ...     health.note(Failed(FailureKind.DOWN, "HTTP 503", 5))
    >>> health.given_up.detail, health.given_up.attempts
    ('not asked: HTTP 503, 4 times in a row', 0)
    """

    concurrency: int
    in_a_row: int = 0
    given_up: Failed | None = None

    def note(self, result: Reply | Failed) -> None:
        """Give up when the key is refused, or when requests fail in a row, all tries of each."""
        if isinstance(result, Reply) or result.kind not in _OF_THE_ENDPOINT:
            self.in_a_row = 0
            return
        self.in_a_row += 1
        if self.given_up is not None:
            return
        why = f"not asked: {result.detail}"
        if result.kind is FailureKind.REFUSED_KEY:
            self.given_up = Failed(result.kind, why, 0)
        elif self.in_a_row >= max(_AT_LEAST_IN_A_ROW, 2 * self.concurrency):
            self.given_up = Failed(result.kind, f"{why}, {self.in_a_row:,} times in a row", 0)
