"""What can go wrong, as a tree.

WeighbridgeError
├── UserError             the project's files or the command line are wrong       exit code 3
│   └── NotInstalled      a package, a model or a list of words is not here; a metric that needs it is inconclusive
├── EnvironmentProblem    the machine, a port, a store or the network is at fault  exit code 4
└── Undefined             a metric has no value for these rows (one class, no rows); recorded, never raised to a user
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command tells the shell."""

    PASS = 0
    FAIL = 1
    INCONCLUSIVE = 2
    USER_ERROR = 3
    ENVIRONMENT = 4


class WeighbridgeError(Exception):
    """An error that says what was found, what was expected and what to type next.

    >>> print(UserError("target column 'defualt' is not in data/train.parquet",
    ...                 expected="one of: default, sex, age", next_step="set data.target in weighbridge.yaml"))
    target column 'defualt' is not in data/train.parquet
      expected: one of: default, sex, age
      next: set data.target in weighbridge.yaml
    """

    exit_code = ExitCode.ENVIRONMENT

    def __init__(self, found: str, *, expected: str = "", next_step: str = "") -> None:
        self.found = found
        self.expected = expected
        self.next_step = next_step
        lines = [found]
        if expected:
            lines.append(f"  expected: {expected}")
        if next_step:
            lines.append(f"  next: {next_step}")
        super().__init__("\n".join(lines))


class UserError(WeighbridgeError):
    """The project's files or the command line are wrong."""

    exit_code = ExitCode.USER_ERROR


class NotInstalled(UserError):  # noqa: N818 - a state, which a metric records
    """A package, a model or a list of words that is not on this machine; `next_step` brings it.

    >>> NotInstalled("the package wn is not installed", next_step="pip install wn").problem
    'the package wn is not installed: pip install wn'
    """

    @property
    def problem(self) -> str:
        """What is missing and what brings it, in one line."""
        return f"{self.found}: {self.next_step}"


class EnvironmentProblem(WeighbridgeError):  # noqa: N818 - a problem, as people say
    """The machine, a port, a store or the network is at fault; the same command may work later."""

    exit_code = ExitCode.ENVIRONMENT


class Undefined(WeighbridgeError):  # noqa: N818 - not an error, a state
    """A metric has no value for these rows; the gate records it as inconclusive."""
