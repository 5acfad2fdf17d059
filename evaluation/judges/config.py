"""The section `gate.judges` of weighbridge.yaml: one entry a judge."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from evaluation.errors import UserError
from evaluation.llm.config import BudgetConfig, EndpointConfig
from evaluation.section import Confidence, Section

# Sentences that say nothing, put around an answer to see whether length alone is liked.
EMPTY_WORDS = (
    "That is a good question, and it is one that is worth thinking about with some care.",
    "There is a lot that could be said about this, and many people have said a lot about it.",
    "It goes without saying that all of this has to be seen in its context.",
    "As was said above, it is worth keeping all of this in mind, as has been said before.",
    "In the end, and all things considered, that is what there is to be said about it here.",
)
Bound = Annotated[float, Field(gt=0, le=1)]


class Mode(StrEnum):
    """What a judge is shown at a time: one answer, or two of which it prefers one."""

    POINTWISE = "pointwise"
    PAIRWISE = "pairwise"


class Against(StrEnum):
    """What a pairwise judge holds a model's answer against."""

    REFERENCE = "reference"
    CHAMPION = "champion"


class Measure(StrEnum):
    """A coefficient of agreement, 1 for perfect and 0 for what chance gives."""

    KAPPA = "kappa"
    LINEAR_KAPPA = "linear_kappa"
    QUADRATIC_KAPPA = "quadratic_kappa"
    NOMINAL_ALPHA = "nominal_alpha"
    ORDINAL_ALPHA = "ordinal_alpha"
    INTERVAL_ALPHA = "interval_alpha"


class ScaleConfig(Section):
    """The scores that a judge may give: whole numbers from min to max, or labels from worst to best.

    >>> ScaleConfig(min=0, max=2).points, ScaleConfig(labels=("poor", "good")).points
    ((0, 1, 2), ('poor', 'good'))
    """

    min: int = Field(1, ge=-1000, le=1000)
    max: int = Field(5, ge=-1000, le=1000)
    labels: tuple[str, ...] | None = Field(
        None, description="Names instead of numbers, worst first; they count 0, 1, 2 and so on."
    )

    @model_validator(mode="after")
    def _has_points(self) -> "ScaleConfig":
        if self.labels is None:
            if not 1 <= self.max - self.min <= 100:
                msg = "max must be 1 to 100 above min"
                raise ValueError(msg)
        elif {"min", "max"} & self.model_fields_set:
            msg = "a scale has labels, or min and max"
            raise ValueError(msg)
        elif len(set(self.labels)) < 2 or len(set(self.labels)) < len(self.labels) or "" in self.labels:
            msg = "labels must be two or more different names"
            raise ValueError(msg)
        return self

    @property
    def points(self) -> tuple[int, ...] | tuple[str, ...]:
        """Everything that a judge may say, worst first."""
        return self.labels if self.labels is not None else tuple(range(self.min, self.max + 1))

    @property
    def range(self) -> tuple[float, float]:
        """The least and the most that a score counts."""
        return (
            (0.0, len(self.labels) - 1.0) if self.labels is not None else (float(self.min), float(self.max))
        )


class AgreementConfig(Section):
    """How well a judge must agree with people; below, its scores are void."""

    measure: Measure = Field(Measure.ORDINAL_ALPHA, description="Cohen's kappa or Krippendorff's alpha.")
    at_least: float = Field(0.6, gt=-1, lt=1, description="The lower limit of the interval must reach it.")


class ProbesConfig(Section):
    """How biased a judge may be, all as shares of its scale; a judge beyond a bound is void."""

    items: int = Field(240, ge=30, le=5000, description="Items of the labelled set that probes ask about.")
    seed: int = Field(0, ge=0)
    position: Bound = Field(0.15, description="Pairwise: by how much the place shown first may win more.")
    verbosity: Bound = Field(0.1, description="By how much empty words may raise an answer.")
    padding: tuple[str, ...] = Field(
        EMPTY_WORDS, min_length=2, description="Empty sentences in the language of the answers."
    )
    self_preference: Bound = Field(0.2, description="By how much its own answers may beat equally good ones.")
    repeats: float = Field(
        0.5, gt=0, lt=1, description="Agreement with itself, Krippendorff's alpha, at least."
    )
    shuffled: float | None = Field(
        0.05,
        gt=0,
        lt=1,
        description="How much better an answer must do than one to another prompt; null where the rubric is "
        "not about the prompt.",
    )


class JudgeConfig(Section):
    """A language model that scores answers, and what it must keep so that its scores count."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,40}$", description="Its metric is judge_NAME.")
    endpoint: EndpointConfig = Field(default_factory=EndpointConfig)
    rubric: str | None = Field(None, min_length=1, description="What a good answer is, in plain words.")
    rubric_file: Path | None = Field(None, description="The rubric as a file beside this one.")
    scale: ScaleConfig = Field(default_factory=ScaleConfig)
    mode: Mode = Mode.POINTWISE
    against: Against = Field(
        Against.CHAMPION, description="Pairwise: the champion's answer or the reference."
    )
    higher_is_better: bool = True
    reasons: bool = Field(False, description="Ask for a short reason before the score.")
    repeats: int = Field(1, ge=1, le=50, description="How often every item is asked.")
    temperature: float = Field(0.0, ge=0, le=2)
    seed: int | None = Field(None, ge=0)
    max_tokens: int = Field(256, ge=8, le=8192)
    budget: BudgetConfig | None = Field(
        None, description="What its examination and its scores may cost together; beyond, they are absent."
    )
    labelled: Path | None = Field(
        None,
        description="Answers that people scored: a CSV, JSONL or Parquet file with prompt, answer, score.",
    )
    corrected: bool = Field(
        False, description="Correct the judge by the labels of these very answers (needs at least 50)."
    )
    confidence: Confidence = Field(0.95, description="Of agreement and probes, one-sided.")
    agreement: AgreementConfig = Field(default_factory=AgreementConfig)
    probes: ProbesConfig = Field(default_factory=ProbesConfig)

    @model_validator(mode="after")
    def _fits_together(self) -> "JudgeConfig":
        if (self.rubric is None) == (self.rubric_file is None):
            msg = "a judge needs rubric or rubric_file, and not both"
            raise ValueError(msg)
        if self.corrected and self.labelled is None:
            msg = "a judge is corrected by a labelled set; name its file under labelled"
            raise ValueError(msg)
        return self

    @property
    def compares(self) -> bool:
        """Whether it holds an answer against the champion's, and so has nothing to say before there is one."""
        return self.mode is Mode.PAIRWISE and self.against is Against.CHAMPION

    @property
    def metric(self) -> str:
        """What its metric is called."""
        return f"judge_{self.name}"

    @property
    def range(self) -> tuple[float, float]:
        """Between what its scores lie; a preference counts 1 if won, 0.5 if tied and 0 if lost."""
        return self.scale.range if self.mode is Mode.POINTWISE else (0.0, 1.0)


def _named_apart(judges: tuple[JudgeConfig, ...]) -> tuple[JudgeConfig, ...]:
    if len({judge.name for judge in judges}) < len(judges):
        msg = "judges need different names"
        raise ValueError(msg)
    return judges


# The type of the section.
Judges = Annotated[tuple[JudgeConfig, ...], AfterValidator(_named_apart)]


def rubric_of(judge: JudgeConfig, folder: Path) -> str:
    """The judge's rubric; a file is looked for in the folder of weighbridge.yaml.

    Raises UserError where the file cannot be read or is empty.
    """
    if judge.rubric_file is None:
        return judge.rubric or ""
    path = folder / judge.rubric_file
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"the rubric of judge '{judge.name}' could not be read: {judge.rubric_file}",
            expected="a text file in UTF-8",
            next_step=f"set rubric_file of judge '{judge.name}' in weighbridge.yaml",
        ) from error
    if not text:
        raise UserError(f"the rubric of judge '{judge.name}' is empty: {judge.rubric_file}")
    return text
