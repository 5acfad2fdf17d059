"""What measuring texts must be told: the `texts` section of weighbridge.yaml."""

from pydantic import Field

from evaluation.config import Section
from evaluation.text.ragas_config import RagasConfig


class TextConfig(Section):
    """Where the cases say what an answer should keep to, and what measures meaning."""

    facts: str | None = Field(None, description="Column with the facts that an answer may state.")
    documents: str | None = Field(
        None, description="Column with the id, or the list of ids, of the documents that hold the answer."
    )
    language: str | None = Field(
        None, description="ISO 639-1 code of the language to answer in, such as `en`."
    )
    words: tuple[int, int] | None = Field(None, description="Fewest and most words of an answer.")
    json_schema: str | None = Field(None, description="JSON schema of an answer, a file beside this one.")
    embeddings: str = Field(
        "minilm", description="minilm, or module:function that gives LangChain embeddings."
    )
    ragas: RagasConfig = Field(default_factory=RagasConfig, description="What RAGAS is told.")
