"""Prompts in MLflow's prompt registry, so that each text has a version, and the one that serves has the alias."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class PromptVersion:
    """A text in the prompt registry: prompts:/NAME/VERSION."""

    name: str
    version: str

    @property
    def uri(self) -> str:
        """As MLflow names it.

        >>> PromptVersion("shop-copy.facts", "3").uri
        'prompts:/shop-copy.facts/3'
        """
        return f"prompts:/{self.name}/{self.version}"

    def to_json(self) -> dict[str, str]:
        """For the model's own file."""
        return asdict(self)


def prompts_of(metadata: Mapping[str, Any] | None) -> list[PromptVersion]:
    """The prompts that a model writes by, as its own file names them in `metadata`; none for one without.

    >>> prompts_of({"prompts": [{"name": "shop-copy.facts", "version": "3"}]})
    [PromptVersion(name='shop-copy.facts', version='3')]
    """
    return [PromptVersion(**each) for each in (metadata or {}).get("prompts", ())]


def register_prompt(mlflow: Any, name: str, template: str, variables: tuple[str, ...]) -> PromptVersion:
    """The version that holds this text; a new one where none of that name does.

    Names in braces are written in double ones, as MLflow has them.
    """
    client = mlflow.MlflowClient()
    text = template
    for variable in variables:
        text = text.replace(f"{{{variable}}}", f"{{{{{variable}}}}}")
    if client.get_prompt(name) is not None:
        for known in client.search_prompt_versions(name):
            if known.template == text:
                return PromptVersion(name, str(known.version))
    made = client.register_prompt(name=name, template=text)
    return PromptVersion(name, str(made.version))
