from pathlib import Path

import polars as pl
import pytest

from evaluation.errors import UserError
from evaluation.types import Task, Verdict
from mlops.config import DataConfig
from mlops.data.load import Dataset, load
from mlops.data.texts import text_columns
from mlops.data.validate import validate

WORDS = [
    "red",
    "blue",
    "green",
    "mug",
    "bowl",
    "plate",
    "cup",
    "heart",
    "star",
    "rose",
    "with",
    "and",
    "for",
    "of",
    "in",
    "small",
    "large",
    "old",
    "new",
]


def prose(start: int) -> list[str]:
    return [
        " ".join(WORDS[(start + n * step) % 19] for step in range(1, 9)) + f" {start + n}" for n in range(40)
    ]


def project(folder: Path, *, target: str = "text", **given: object) -> tuple[Dataset, DataConfig]:
    for start, name in ((0, "train"), (100, "holdout")):
        pl.DataFrame(
            {
                "title": prose(start),
                "text": prose(start + 50),
                "group": ["new kind of thing", "an old kind of thing"] * 20,
                "code": [f"id{start + n}" for n in range(40)],
                "number": [float(n) for n in range(40)],
            }
        ).write_csv(folder / f"{name}.csv")
    data = DataConfig.model_validate(
        {"train": "train.csv", "evaluate": "holdout.csv", "target": target, **given}
    )
    return load(folder, data), data


def test_columns_of_prose_are_told_from_categories_and_ids(tmp_path: Path) -> None:
    assert text_columns(*project(tmp_path)) == ("title", "text")
    assert text_columns(*project(tmp_path, ignore=["title"])) == ("text",)
    assert text_columns(*project(tmp_path, hygiene={"columns": ["group"]})) == ("group",)
    assert text_columns(*project(tmp_path, hygiene={"columns": []})) == ()


def test_an_absent_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data.hygiene.columns: column 'titel'"):
        text_columns(*project(tmp_path, hygiene={"columns": ["titel"]}))


def test_tables_without_prose_get_no_check_of_texts(tmp_path: Path) -> None:
    dataset, data = project(tmp_path, target="number", ignore=["title", "text"])
    names = [check.name for check in validate(dataset, task=Task.REGRESSION, data=data).checks]
    assert not {"text duplicates", "text contamination", "personal data"} & set(names)


def test_a_prompt_that_shows_a_reference_fails_the_data(tmp_path: Path) -> None:
    dataset, data = project(tmp_path, hygiene={"repeated_at_most": 1.0, "contaminated_at_most": 0.02})
    clean = {check.name: check for check in validate(dataset, task=Task.GENERATION, data=data).checks}
    shown = {"the prompt": [f"For example: {dataset.evaluate['text'][7]}"]}
    found = {
        check.name: check for check in validate(dataset, task=Task.GENERATION, data=data, shown=shown).checks
    }
    assert clean["text contamination"].verdict is Verdict.PASS
    assert found["text contamination"].verdict is Verdict.FAIL
    assert (
        found["text contamination"]
        .detail["found"]["references share 8 words in a row with the prompt"]["first"]
        .count(7)
    )
