"""What a policy says of the texts in its tables: the `data.hygiene` section of weighbridge.yaml."""

from typing import Annotated

from pydantic import Field, model_validator

from evaluation.section import Section

Share = Annotated[float, Field(ge=0, le=1)]


class HygieneConfig(Section):
    """Which columns hold texts, and how much may be wrong with them."""

    columns: tuple[str, ...] | None = Field(
        None, description="Columns with texts; found by their look unless set, [] for none."
    )
    near: float = Field(
        0.8, ge=0.5, le=1, description="Share of word triples that near duplicates have in common."
    )
    repeated_at_most: Share = Field(
        0.01, description="Share of holdout texts that repeat one of train or holdout."
    )
    ngram: int = Field(8, ge=5, le=20, description="Words in a row that two texts hardly share by chance.")
    contaminated_at_most: Share = Field(
        0.01,
        description="Share of references that share so many words in a row with train, prompt or corpus.",
    )
    personal_at_most: Share = Field(0.0, description="Share of texts with an e-mail address, number or card.")
    language: str | None = Field(None, description="ISO 639-1 code that texts should be in, such as `en`.")
    words: tuple[int, int] | None = Field(
        None, description="Fewest and most words of a reference; of any text, where the target is none."
    )
    outside_at_most: Share = Field(0.05, description="Share of texts of another language or length.")

    @model_validator(mode="after")
    def _words_rise(self) -> "HygieneConfig":
        if self.words is not None and not 0 <= self.words[0] <= self.words[1]:
            msg = "words: fewest must be at most most"
            raise ValueError(msg)
        return self
