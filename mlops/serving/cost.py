"""What a call of the model costs by its rows, and so how many rows it should have."""

from dataclasses import dataclass

# Together does not pay where twice the rows cost nearly twice the time.
_PAYS_BELOW = 0.6
# A call may cost so many times what one for a single row does; beyond that, callers wait longer than they save.
_MOST_COSTS = 4.0
# Older calls count less: a machine that became busy is believed after some hundred calls.
_MEMORY = 0.98


@dataclass
class Cost:
    """What a call costs, as `fixed + each * rows` seconds, learnt from calls.

    >>> cost = Cost()
    >>> for rows in (1, 16, 1, 16):
    ...     cost.learn(rows, 0.002 + 0.0001 * rows)
    >>> round(cost.fixed, 4), round(cost.each, 4), cost.pays, cost.most_rows
    (0.002, 0.0001, True, 64)
    """

    _weight: float = 0.0
    _rows: float = 0.0
    _seconds: float = 0.0
    _squares: float = 0.0
    _products: float = 0.0

    def learn(self, rows: int, seconds: float) -> None:
        """Take in one call."""
        self._weight = _MEMORY * self._weight + 1
        self._rows = _MEMORY * self._rows + rows
        self._seconds = _MEMORY * self._seconds + seconds
        self._squares = _MEMORY * self._squares + rows * rows
        self._products = _MEMORY * self._products + rows * seconds

    @property
    def each(self) -> float:
        """Seconds that one more row takes; 0 while all calls had as many rows."""
        spread = self._weight * self._squares - self._rows**2
        if spread <= 1e-9 * max(self._squares, 1.0):
            return 0.0
        return max(0.0, (self._weight * self._products - self._rows * self._seconds) / spread)

    @property
    def fixed(self) -> float:
        """Seconds that a call takes whatever the rows."""
        return max(0.0, (self._seconds - self.each * self._rows) / self._weight) if self._weight else 0.0

    @property
    def pays(self) -> bool:
        """Whether two rows in one call are much cheaper than two calls."""
        alone = self.fixed + self.each
        return alone > 0 and (self.fixed + 2 * self.each) < 2 * _PAYS_BELOW * alone

    @property
    def most_rows(self) -> int:
        """How many rows a call may have, so that nobody waits much longer than for a call of their own."""
        if self.each == 0:
            return 2**31
        return max(1, int(((_MOST_COSTS - 1) * self.fixed + _MOST_COSTS * self.each) / self.each))

    @property
    def most_seconds(self) -> float:
        """How long a call may take, for the same reason."""
        return _MOST_COSTS * (self.fixed + self.each)
