"""What a benchmark's cell measured, and whether it keeps what is stated."""

import math
from dataclasses import asdict, dataclass
from typing import Any

# Of the runs, a claim may be missed by so much in truth: what holds is known up to one point.
SLACK = 0.01
_SURE = 0.95
# In a short run, only what chance does not explain is a failure.
_FAR = 3.0
_SHOWN = 2.0


@dataclass(frozen=True)
class Row:
    """One figure: how often something happened in `runs` simulated decisions.

    count: in how many runs it happened; value: that share, or a number that is no share (count None).
    most, least: what is claimed of a share. control: whether the claim is an error rate that the gate
    states, and not how well it does besides. cpu_s: of the whole cell, all its rules and events together.
    """

    design: str
    cell: str
    rule: str
    event: str
    value: float
    se: float
    runs: int
    cpu_s: float
    count: int | None = None
    most: float | None = None
    least: float | None = None
    control: bool = False
    note: str = ""

    @property
    def upper(self) -> float | None:
        """One-sided 95 % upper limit of a share (Clopper and Pearson 1934), None for other numbers."""
        if self.count is None:
            return None
        from scipy.special import betainccinv

        if self.count >= self.runs:
            return 1.0
        return float(betainccinv(self.count + 1, self.runs - self.count, 1 - _SURE))

    @property
    def holds(self) -> bool | None:
        """Whether the claim holds, None where nothing is claimed.

        A share that may be at most so much holds where its upper limit is no more than a point above; one that
        should lie between two bounds, where the runs do not show that it lies outside; what is no share, by
        its value.
        """
        if self.most is None:
            return None
        if self.least is not None:
            return self.least - _SHOWN * self.se <= self.value <= self.most + _SHOWN * self.se
        return self.value <= self.most if self.upper is None else self.upper <= self.most + SLACK

    @property
    def breaks(self) -> bool:
        """Whether a stated error rate is exceeded by more than three standard errors."""
        if not self.control or self.most is None:
            return False
        return self.value > self.most + _FAR * math.sqrt(self.most * (1 - self.most) / self.runs)

    def as_json(self) -> dict[str, Any]:
        """All that there is, with what follows from it, numbers rounded to what they are worth."""
        shown = {
            key: value
            for key, value in asdict(self).items()
            if value is not False and value not in {None, ""}
        }
        shown |= {"value": float(f"{self.value:.6g}"), "se": float(f"{self.se:.3g}")}
        shown["cpu_s"] = round(self.cpu_s, 1)
        if self.upper is not None:
            shown["upper"] = float(f"{self.upper:.6g}")
        if self.holds is not None:
            shown["holds"] = self.holds
        return shown

    @classmethod
    def of_json(cls, found: dict[str, Any]) -> "Row":
        """A row as `as_json` wrote it."""
        return cls(**{key: value for key, value in found.items() if key not in {"upper", "holds"}})


@dataclass(frozen=True)
class Cell:
    """Where a row belongs, and what its cell cost."""

    design: str
    name: str
    runs: int

    def share(  # noqa: PLR0913 - keyword-only, one for each column
        self,
        rule: str,
        event: str,
        count: int,
        *,
        most: float | None = None,
        least: float | None = None,
        control: bool = False,
        runs: int | None = None,
        note: str = "",
    ) -> Row:
        """How often something happened, `count` times in the cell's runs."""
        runs = runs or self.runs
        value = int(count) / runs
        se = math.sqrt(value * (1 - value) / runs)
        return Row(
            design=self.design,
            cell=self.name,
            rule=rule,
            event=event,
            value=float(value),
            se=se,
            runs=runs,
            cpu_s=0.0,
            count=int(count),
            most=most,
            least=least,
            control=bool(control),
            note=note,
        )

    def number(self, rule: str, event: str, value: float, se: float, *, most: float | None = None) -> Row:
        """A number that is no share, such as a mean number of rows."""
        return Row(self.design, self.name, rule, event, value, se, self.runs, 0.0, most=most)
