"""What RAGAS is told: `texts.ragas` in weighbridge.yaml."""

from pydantic import Field

from evaluation.llm.config import BudgetConfig, EndpointConfig
from evaluation.section import Section


class RagasConfig(Section):
    """Who judges, and which columns of the cases say what RAGAS compares with.

    >>> RagasConfig().question
    'question'
    """

    judge: EndpointConfig | None = Field(None, description="The language model that judges; some need none.")
    max_tokens: int = Field(1024, ge=64, le=32_768, description="Of one answer of the judge.")
    budget: BudgetConfig = Field(
        default_factory=BudgetConfig, description="What the judge may spend on one metric."
    )
    question: str = Field("question", min_length=1, description="Column with what was asked.")
    contexts: str | None = Field(None, description="Column with the right passage, or a list of them.")
    tool_calls: str | None = Field(
        None, description="Column with the right tool calls as JSON: [{name: ..., args: {...}}]."
    )
