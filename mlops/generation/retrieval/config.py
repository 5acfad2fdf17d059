"""What passages are looked up in, and how: `generate.retrieval` in weighbridge.yaml."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from evaluation.section import Section


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts:
        msg = f"'{name}' does not lie in the folder of weighbridge.yaml"
        raise ValueError(msg)
    return name


Inside = Annotated[str, AfterValidator(_inside)]


class Weights(Section):
    """How much a passage's place in each of two lists counts; 0 leaves that list out."""

    meaning: float = Field(1.0, ge=0, le=100, description="Passages that mean something like the question.")
    words: float = Field(1.0, ge=0, le=100, description="Passages that share words with it (BM25).")

    @model_validator(mode="after")
    def _one_counts(self) -> "Weights":
        if self.meaning == 0 == self.words:
            msg = "one of meaning and words must be above 0"
            raise ValueError(msg)
        return self


class RetrievalConfig(Section):
    """Documents, how they are cut into passages, and how many of these are found and shown.

    >>> RetrievalConfig(documents="data/documents.parquet").top_k
    3
    """

    documents: str = Field(
        min_length=1,
        description="A folder of .txt and .md files, or a .parquet, .csv or .jsonl file with columns id and text.",
    )
    query: str = Field("question", min_length=1, description="Column of the cases that is looked up.")
    chunk_words: int = Field(100, ge=5, le=2000, description="Words of a passage.")
    overlap: int = Field(20, ge=0, description="Words that a passage shares with the one before.")
    top_k: int = Field(3, ge=1, le=100, description="Passages that are found for one question.")
    in_prompt: int | None = Field(
        None, ge=1, description="The first so many of them fill {context}; all of them if not set."
    )
    weights: Weights = Weights()
    embeddings: str = Field(
        "minilm", description="minilm, or module:function that gives LangChain embeddings."
    )
    files: tuple[Inside, ...] = Field(
        (), description="Files and folders beside this one that own embeddings read; modules are found."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "RetrievalConfig":
        if self.overlap >= self.chunk_words:
            msg = "overlap must be below chunk_words"
            raise ValueError(msg)
        if self.files and self.embeddings == "minilm":
            msg = "files are read by embeddings of your own, and minilm has its own"
            raise ValueError(msg)
        if self.in_prompt is not None and self.in_prompt > self.top_k:
            msg = "in_prompt must be at most top_k"
            raise ValueError(msg)
        return self
