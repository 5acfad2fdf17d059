"""Simulated data whose truth is known. Needs NumPy only, so that other tools' environments can draw the same."""

import math
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

SEED = 20261121
ACCURACY = 0.85
AUC = 0.85


def generator(cell: int) -> np.random.Generator:
    """Random numbers of one cell of the benchmark."""
    return np.random.Generator(np.random.PCG64(SEED + cell))


def paired_counts(random: np.random.Generator, runs: int, n: int, psi: float, d: float) -> Codes:
    """Rows that only the challenger, only the champion, both and neither got right, (runs, 4).

    psi: share of rows on which exactly one is right. The challenger's accuracy is the champion's plus d.
    """
    won, lost = (psi + d) / 2, (psi - d) / 2
    both = ACCURACY - lost
    return random.multinomial(n, [won, lost, both, 1 - won - lost - both], size=runs)


def right_answers(counts: Codes) -> tuple[Codes, Codes]:
    """Of n rows, whether challenger and champion are right (1) or wrong (0), from four counts."""
    return np.repeat([1, 0, 1, 0], counts), np.repeat([0, 1, 1, 0], counts)


def binormal(
    random: np.random.Generator, positives: int, n: int, rho: float, d: float
) -> tuple[Codes, Array, Array]:
    """Target, challenger's and champion's score of n rows, so many of them positive.

    Scores are normal in either class, of unit variance, their correlation between the models is rho; the
    champion's area under the ROC curve is 0.85 and the challenger's 0.85 + d. Squashed into 0 to 1.
    """
    target = np.repeat([1, 0], [positives, n - positives])
    shared, mine, theirs = random.standard_normal((3, n))
    keep, own = math.sqrt(rho), math.sqrt(1 - rho)
    scores = [
        1 / (1 + np.exp(-(keep * shared + own * noise + shift * target)))
        for noise, shift in ((mine, _shift(AUC + d)), (theirs, _shift(AUC)))
    ]
    return target, scores[0], scores[1]


def _shift(auc: float) -> float:
    return math.sqrt(2) * NormalDist().inv_cdf(auc)


def prompts(
    random: np.random.Generator, units: int, each: int, d: float, spread: float
) -> tuple[Array, Array]:
    """Scores of challenger and champion, (units, each): generations to prompts, d the true difference.

    The difference has the same standard deviation, `spread`, over the prompts as over the generations to one
    prompt; half of its variance comes from either model.
    """
    prompt, own = random.normal(5, 0.2, (units, 1)), spread / math.sqrt(2)
    scores = [
        prompt + shift + random.normal(0, own, (units, 1)) + random.normal(0, own, (units, each))
        for shift in (d, 0.0)
    ]
    return scores[0], scores[1]


def judged_pairs(random: np.random.Generator, n: int, labelled: int, d: float) -> tuple[Array, Array]:
    """Of challenger and champion, (n, 3): what a judge says of n answers, whether people scored them, and what.

    70 % of the champion's answers are good and d more of the challenger's; on 10 % of the cases exactly one is.
    The judge calls 90 % of the good answers good, of the bad ones 25 % of the champion's and 45 % of the
    challenger's. People are right, and scored the first answers.
    """
    good, psi = 0.7, 0.1
    counts = [(psi + d) / 2, (psi - d) / 2, good - (psi - d) / 2]
    kind = random.choice(4, size=n, p=[*counts, 1 - sum(counts)])
    asked = np.arange(n) < labelled
    found = []
    for right, flattered in (((0, 2), 0.45), ((1, 2), 0.25)):
        truth = np.isin(kind, right)
        said = random.random(n) < np.where(truth, 0.9, flattered)
        found.append(np.stack([said, asked, truth & asked], axis=1).astype(np.float64))
    return found[0], found[1]


def candidates(
    random: np.random.Generator, n: int, k: int, psi: float, d: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each of k challengers, (k, n), and the champion, (n,), is right.

    What makes a challenger differ from the champion is half shared between challengers: a Gaussian copula
    with correlation 0.5.
    """
    champion = random.random(n) < ACCURACY
    flips = np.where(champion, (psi - d) / 2 / ACCURACY, (psi + d) / 2 / (1 - ACCURACY))
    cut = np.array([NormalDist().inv_cdf(share) for share in (flips.min(), flips.max())])
    latent = math.sqrt(0.5) * (random.standard_normal((k, n)) + random.standard_normal(n))
    return champion ^ (latent < np.where(flips == flips.min(), cut[0], cut[1])), champion


def looks(random: np.random.Generator, sizes: tuple[int, ...], psi: float, d: float) -> Iterator[Codes]:
    """The four counts at every look, as rows are added, (looks, 4); one run after the other, without end."""
    steps = np.diff((0, *sizes))
    while True:
        yield np.cumsum([paired_counts(random, 1, int(step), psi, d)[0] for step in steps], axis=0)
