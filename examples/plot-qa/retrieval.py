"""Print how often the right document is found for the questions of data/holdout.parquet, and by a broken index.

python retrieval.py

No language model is asked. The broken index has its passages in another order than their vectors and words.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from evaluation.metrics.base import Sample
from evaluation.stats.estimate import Question, Settings, estimate
from evaluation.text.config import TextConfig
from evaluation.text.retrieval import METRICS
from evaluation.text.rows import TextRows
from mlops.config import FILE_NAME, load_policy
from mlops.generation.retrieval.index import Index

HERE = Path(__file__).parent
CONFIDENCE = 0.95


def shuffled(index: Index) -> Index:
    """The same index, its passages mixed up."""
    return replace(index, passages=index.passages.sample(fraction=1, shuffle=True, seed=0))


def measure(index: Index, cases: pl.DataFrame) -> list[str]:
    """A line for each metric of retrieval: its value and its limits, stories being what was drawn."""
    found = index.search(cases["question"].to_list())
    facts = pl.DataFrame({"sources": [[passage.id for passage in passages] for passages in found]})
    rows = TextRows(
        answers=[""] * cases.height,
        references=[()] * cases.height,
        inputs=cases,
        facts=facts,
        settings=TextConfig(documents="document"),
    )
    metrics = [metric for metric in METRICS if metric.name.startswith("retrieval_")]
    units = cases["story"].rank("dense").to_numpy() - 1
    blank = np.zeros(cases.height)
    sample = Sample(
        blank,
        blank,
        units=units.astype(np.int64),
        row_scores={metric.name: np.asarray(metric.scorer(rows)) for metric in metrics if metric.scorer},
    )
    questions = [Question(metric, sample) for metric in metrics]
    answers = estimate(questions, Settings(confidence=CONFIDENCE, unit="story"))
    return [
        f"{metric.name:24} {told.value:.3f} ({told.low:.3f} to {told.high:.3f})"
        if told.value is not None and told.low is not None and told.high is not None
        else f"{metric.name:24} {told.problem}"
        for metric, told in zip(metrics, (answer.estimate for answer in answers), strict=True)
    ]


def main() -> None:
    """Build the index, and print what it finds and what a broken one finds."""
    cases = pl.read_parquet(HERE / "data" / "holdout.parquet")
    generate = load_policy(HERE / FILE_NAME).generate
    if generate is None or generate.retrieval is None:
        sys.exit("weighbridge.yaml has no generate.retrieval")
    index = Index.build(generate.retrieval, HERE)
    for name, each in (("index", index), ("shuffled index", shuffled(index))):
        lines = "\n".join(measure(each, cases))
        sys.stdout.write(f"{name}, {index.passages.height} passages, {cases.height} questions\n{lines}\n\n")


if __name__ == "__main__":
    main()
