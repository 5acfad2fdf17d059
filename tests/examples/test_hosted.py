"""Two lines of the policy move an example that writes to a hosted model."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mlops.config import FILE_NAME, load_policy


@pytest.mark.parametrize("name", ["shop-copy", "plot-qa"])
def test_two_lines_name_a_hosted_model(name: str, folder: Callable[[str], Path], tmp_path: Path) -> None:
    shipped = (folder(name) / FILE_NAME).read_text()
    for line in ("endpoint", "budget"):
        assert shipped.count(f"\n  # {line}: ") == 1
    lines = shipped.replace("\n  # endpoint: ", "\n  endpoint: ").replace("\n  # budget: ", "\n  budget: ")
    (tmp_path / FILE_NAME).write_text(lines)

    here, hosted = load_policy(folder(name) / FILE_NAME), load_policy(tmp_path / FILE_NAME)

    assert here.generate is not None
    assert here.generate.endpoint.embedded
    assert hosted.generate is not None
    assert hosted.generate.endpoint.url == "https://api.openai.com/v1"
    assert hosted.generate.environment == ("OPENAI_API_KEY",)
    assert hosted.generate.budget.tokens is not None
    changed = {"endpoint", "budget"}
    assert hosted.generate.model_dump(exclude=changed) == here.generate.model_dump(exclude=changed)
