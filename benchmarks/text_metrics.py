"""How long metrics of texts take on 10,000 pairs, beside a plain loop over the libraries that define them.

Both are timed in one run and in turns, so that a busy machine slows both; the plain loop on a part of the pairs.

    python -m benchmarks.text_metrics [--pairs 10000] [--plain 500] [--rounds 3]
"""

import argparse
import collections
import re
import string
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from evaluation.errors import NotInstalled
from evaluation.text import echo, facts, form, meaning, meteor, overlap, refusal, rouge, safety, without_echo
from evaluation.text.config import TextConfig
from evaluation.text.rows import TextRows

# Words of a vocabulary, drawn as often as words of a language are (Zipf), and words of a text.
WORDS, SHORTEST, LONGEST = 8_000, 30, 90


def main() -> None:
    """Print seconds for 10,000 pairs, ours and the plain loop's, and the quotient."""
    given = _arguments()
    rows = corpus(given.pairs)
    part = _first(rows, given.plain)
    settings = TextConfig(language="en", words=(20, 120))
    print(f"{rows.n:,} pairs of {SHORTEST} to {LONGEST} words; the plain loop on {part.n:,} of them")
    compared = {
        "exact match, token F1": ((overlap.exact_match, overlap.token_f1), plain_squad),
        "BLEU": ((overlap.bleu,), plain_bleu),
        "chrF": ((overlap.chrf,), plain_chrf),
        "ROUGE-1, -2, -L": ((rouge.rouge_1, rouge.rouge_2, rouge.rouge_l), plain_rouge),
        "METEOR": ((meteor.meteor,), plain_meteor),
    }
    try:
        meteor.wordnet()
    except NotInstalled as error:
        print("METEOR is left out:", error.problem)
        del compared["METEOR"]
    ours_s: dict[str, list[float]] = {name: [] for name in compared}
    plain_s: dict[str, list[float]] = {name: [] for name in compared}
    for _ in range(given.rounds):
        fresh = replace(rows, shared={})
        for name, (scorers, plain) in compared.items():
            plain_s[name].append(seconds(lambda plain=plain: plain(part)) * rows.n / part.n)
            ours_s[name].append(
                seconds(lambda scorers=scorers, fresh=fresh: [score(fresh) for score in scorers])
            )
    print(f"{'':24}{'ours, s':>10}{'plain, s':>10}{'times':>8}")
    for name in compared:
        _line(name, ours_s[name], plain_s[name])
    together = [list(map(sum, zip(*taken.values(), strict=True))) for taken in (ours_s, plain_s)]
    _line("together", *together)
    rest = [
        *echo.METRICS,
        *without_echo.METRICS,
        *form.METRICS,
        *facts.METRICS,
        *safety.METRICS,
        *refusal.METRICS,
    ]
    fresh = replace(rows, shared={}, settings=settings)
    for scorers, _ in compared.values():
        [score(fresh) for score in scorers]
    total = 0.0
    for metric in rest:
        if metric.name not in {"valid_by_schema", "matches_pattern", "injection_resistance"}:
            taken = seconds(lambda metric=metric: metric.scorer(fresh))
            total += taken
            print(f"  {metric.name:32}{taken:8.2f} s")
    print(f"all of these {total:.2f} s")
    few = _first(rows, 500)
    print(
        f"semantic similarity: {seconds(lambda: meaning.semantic_similarity(few)) / 1000 * 1e3:.1f} ms a text"
    )


def corpus(n: int, seed: int = 0) -> TextRows:
    """Answers that keep about two thirds of their reference's words, and prompts that name some of them."""
    random = np.random.Generator(np.random.PCG64(seed))
    letters = np.array(list(string.ascii_lowercase))
    known = ["".join(random.choice(letters, random.integers(2, 10))) for _ in range(WORDS)]
    chance = 1 / np.arange(1, WORDS + 1)
    chance /= chance.sum()

    def text(words: Sequence[int]) -> str:
        signs = ("", "", "", "", "", ",", "", "", "", "", "", ".")
        return (
            " ".join(known[word] + signs[place % 12] for place, word in enumerate(words)).capitalize() + "."
        )

    answers, references, prompts = [], [], []
    for _ in range(n):
        reference = random.choice(WORDS, random.integers(SHORTEST, LONGEST), p=chance)
        other = random.choice(WORDS, len(reference), p=chance)
        answer = np.where(random.random(len(reference)) < 0.65, reference, other)
        answers.append(text(answer.tolist()))
        references.append(text(reference.tolist()))
        prompts.append(
            "Write a friendly description of " + " ".join(known[word] for word in reference[:6]) + "."
        )
    return TextRows.of(answers, *references, prompt=prompts)


def plain_squad(rows: TextRows) -> None:
    """Exact match and F1 by the steps of SQuAD's evaluation."""

    def normalized(text: str) -> str:
        text = "".join(ch for ch in text.lower() if ch not in set(string.punctuation))
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())

    for answer, (reference,) in zip(rows.answers, rows.references, strict=True):
        _ = normalized(answer) == normalized(reference)
        one, other = normalized(answer).split(), normalized(reference).split()
        _ = (collections.Counter(one) & collections.Counter(other)).total()


def plain_bleu(rows: TextRows) -> None:
    """sacrebleu's statistics, pair by pair."""
    from sacrebleu.metrics.bleu import BLEU

    metric = BLEU()
    for answer, references in zip(rows.answers, rows.references, strict=True):
        metric.corpus_score([answer], [list(references)])


def plain_chrf(rows: TextRows) -> None:
    """sacrebleu's statistics, pair by pair."""
    from sacrebleu.metrics.chrf import CHRF

    metric = CHRF()
    for answer, references in zip(rows.answers, rows.references, strict=True):
        metric.corpus_score([answer], [list(references)])


def plain_rouge(rows: TextRows) -> None:
    """rouge-score, pair by pair."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"])
    for answer, references in zip(rows.answers, rows.references, strict=True):
        scorer.score_multi(list(references), answer)


def plain_meteor(rows: TextRows) -> None:
    """NLTK's METEOR with its own stemmer and WordNet, pair by pair."""
    from nltk.tokenize.destructive import NLTKWordTokenizer
    from nltk.translate.meteor_score import meteor_score

    wordnet, split = meteor.wordnet(), NLTKWordTokenizer().tokenize
    for answer, references in zip(rows.answers, rows.references, strict=True):
        meteor_score([split(text) for text in references], split(answer), wordnet=wordnet)


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _line(name: str, ours: Sequence[float], plain: Sequence[float]) -> None:
    times = median(b / a for a, b in zip(ours, plain, strict=True))
    print(f"{name:24}{median(ours):10.2f}{median(plain):10.2f}{times:8.1f}")


def _first(rows: TextRows, n: int) -> TextRows:
    return TextRows.of(rows.answers[:n], *rows.references[:n], prompt=rows.prompts[:n])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--plain", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
