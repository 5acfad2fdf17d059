"""What the guards found in one request, until it is told."""

from collections import Counter
from collections.abc import Callable

from mlops.serving.errors import FieldProblem, Rejected
from mlops.serving.guards.config import Action

# Told of a field, what was found, what was done, and how often; never of a value.
Count = Callable[[str, str, Action, int], None]

# As many as a problem's answer shows.
_MAX_PROBLEMS = 20
_SAID = {
    "above": "is above the range that is answered for",
    "below": "is below the range that is answered for",
    "unseen": "is no category that the model knows",
    "missing": "should not be left out",
    "long": "is too long",
    "control": "holds control characters",
    "injection": "reads like an instruction to a language model",
    "email": "holds an e-mail address",
    "phone": "holds a phone number",
    "iban": "holds an account number",
    "card": "holds the number of a payment card",
}


def count_nothing(_field: str, _kind: str, _action: Action, _times: int) -> None:
    """Where nobody counts."""


class Findings:
    """Collects what was found and what is refused."""

    def __init__(self) -> None:
        self._found: Counter[tuple[str, str, Action]] = Counter()
        self._problems: list[FieldProblem] = []

    def note(self, place: str, field: str, kind: str, action: Action) -> str:
        """Take down one finding; gives its flag. `place` is where the caller finds it, `records.0.age`."""
        self._found[field, kind, action] += 1
        if action is Action.REJECT and len(self._problems) < _MAX_PROBLEMS:
            self._problems.append(FieldProblem(place, _SAID[kind]))
        return f"{field}:{kind}"

    def settle(self, count: Count) -> None:
        """Tell what was found; raises Rejected where something of it is refused."""
        for (field, kind, action), times in self._found.items():
            count(field, kind, action, times)
        if self._problems:
            raise Rejected("the policy refuses what these fields hold", self._problems)
