"""What the guards found in one request, until it is told."""

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
        # By flag; a field has one action for each kind.
        self._found: dict[str, tuple[str, str, Action]] = {}
        self._times: dict[str, int] = {}
        self._problems: list[FieldProblem] = []

    def note(self, record: int, field: str, kind: str, action: Action) -> str:
        """Take down what was found in record number `record`; gives its flag."""
        flag = f"{field}:{kind}"
        self._times[flag] = self._times.get(flag, 0) + 1
        self._found[flag] = field, kind, action
        if action is Action.REJECT and len(self._problems) < _MAX_PROBLEMS:
            self._problems.append(FieldProblem(f"records.{record}.{field}", _SAID[kind]))
        return flag

    def settle(self, count: Count) -> None:
        """Tell what was found; raises Rejected where something of it is refused."""
        for flag, times in self._times.items():
            count(*self._found[flag], times)
        if self._problems:
            refused = [flag for flag, (_, _, action) in self._found.items() if action is Action.REJECT]
            raise Rejected(
                "the policy refuses what these fields hold",
                self._problems,
                reason=", ".join(refused[:_MAX_PROBLEMS]),
            )
