"""What an endpoint's section accepts, and that it never repeats a key."""

from typing import Any

import pytest
from pydantic import ValidationError

from evaluation.llm.config import BudgetConfig, EndpointConfig

HOSTED = {"url": "https://api.example/v1/", "model": "m"}
PASTED = "sk-proj-a1b2c3d4e5f6g7h8i9j0"


def test_the_default_is_the_embedded_model() -> None:
    assert EndpointConfig().embedded
    assert not EndpointConfig(**HOSTED, key="OPENAI_API_KEY").embedded


def test_an_address_ends_without_a_slash() -> None:
    assert EndpointConfig(**HOSTED).url == "https://api.example/v1"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"url": "ftp://api.example/v1", "model": "m"}, "http or https"),
        ({"url": "https://", "model": "m"}, "http or https"),
        ({"url": f"https://me:{PASTED}@api.example/v1", "model": "m"}, "without user"),
        ({"url": f"https://api.example/v1?key={PASTED}", "model": "m"}, "without user"),
        ({"url": "https://api.example/v1"}, "name of a model"),
        ({"model": "gpt-5"}, "another one needs a url"),
        ({"concurrency": 17}, "16 requests at a time"),
        ({"key": "OPENAI_API_KEY"}, "needs no key"),
        (HOSTED | {"key": PASTED}, "the name of an environment variable"),
        (HOSTED | {"key": "a1b2c3d4e5f6g7h8i9j0k1l2m3"}, "the name of an environment variable"),
        (HOSTED | {"attempts": 0}, "attempts"),
        (HOSTED | {"price": {"input": -1, "output": 1}}, "price"),
        (HOSTED | {"temprature": 1}, "temprature"),
    ],
)
def test_what_is_refused_is_named_without_the_key(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        EndpointConfig.model_validate(settings)
    assert says in str(refused.value)
    assert PASTED not in str(refused.value)


def test_a_budget_may_be_unbounded_but_not_empty() -> None:
    assert BudgetConfig() == BudgetConfig(tokens=None, money=None)
    with pytest.raises(ValidationError):
        BudgetConfig(tokens=0)


def test_the_embedded_model_is_given_more_time_unless_told() -> None:
    assert EndpointConfig().timeout_s > EndpointConfig(**HOSTED).timeout_s
    assert EndpointConfig(timeout_s=5).timeout_s == 5
    assert EndpointConfig.model_validate(EndpointConfig().model_dump()) == EndpointConfig()
