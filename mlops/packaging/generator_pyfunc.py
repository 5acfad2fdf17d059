"""What MLflow calls to load a model that writes, wherever Weighbridge is installed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.generation.saved import load_writer
from mlops.generation.writer import Writer

if TYPE_CHECKING:
    import pandas as pd


class _Texts:
    """MLflow's view of a generator: a table of cases in, a list of texts out."""

    def __init__(self, generator: Writer) -> None:
        self._generator = generator

    def predict(
        self,
        cases: "pd.DataFrame",
        params: dict[str, Any] | None = None,  # noqa: ARG002 - MLflow's form
    ) -> list[str | None]:
        """A text for every case, None where it could not be had."""
        rows = [{str(name): value for name, value in row.items()} for row in cases.to_dict(orient="records")]
        return list(self._generator.answer(rows).labels)


def _load_pyfunc(data_path: str) -> _Texts:
    return _Texts(load_writer(Path(data_path)))
