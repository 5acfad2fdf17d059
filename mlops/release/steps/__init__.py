"""The six steps, one file each; every one takes a release and leaves its result in the release folder."""

from collections.abc import Callable

from mlops.release.journal import Step
from mlops.release.run import Fraction, Release, StepDone

Perform = Callable[[Release, Fraction], StepDone]


def perform(step: Step, release: Release, advance: Fraction) -> StepDone:
    """Do a step."""
    from mlops.release.steps import deploy, evaluate, gate, register, train, validate

    table: dict[Step, Perform] = {
        Step.VALIDATE: validate.perform,
        Step.TRAIN: train.perform,
        Step.EVALUATE: evaluate.perform,
        Step.GATE: gate.perform,
        Step.REGISTER: register.perform,
        Step.DEPLOY: deploy.perform,
    }
    return table[step](release, advance)
