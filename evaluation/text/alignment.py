"""Words of two texts aligned as METEOR does: equal ones first, then those of one stem, then synonyms.

Source: Lavie and Agarwal 2007, "METEOR: an automatic metric for MT evaluation with high levels of correlation with
human judgments"; of words that occur several times, the later ones are paired first, as in NLTK.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise

# METEOR's weight of recall, and how its penalty for another order grows.
_ALPHA, _BETA, _GAMMA = 0.9, 3.0, 0.5

# Where in the reference each word still waits for its partner, ascending.
_Places = Mapping[str, list[int]]


def align(
    answer: Sequence[str],
    reference: Sequence[str],
    stem: Callable[[str], str],
    synonyms: Callable[[str], Collection[str]],
) -> list[tuple[int, int]]:
    """Pairs of places, (in the answer, in the reference), ascending; synonyms: of a stem, as WordNet names them.

    >>> align(["cars", "a", "auto"], ["a", "car"], lambda word: word.rstrip("s"), lambda _: {"car"})
    [(0, 1), (1, 0)]
    """
    found: dict[int, int] = {}
    places = _places(enumerate(reference))
    left = _pair(reversed(list(enumerate(answer))), places, found)
    if left and len(found) < len(reference):
        rest = sorted(place for several in places.values() for place in several)
        places = _places((place, stem(reference[place])) for place in rest)
        stems = [(place, stem(answer[place])) for place in left]
        left = _pair(stems, places, found)
        of = dict(stems)
        for place in left:
            waiting = (places[word] for word in synonyms(of[place]) if places.get(word))
            if nearest := max(waiting, key=lambda several: several[-1], default=None):
                found[place] = nearest.pop()
    return sorted(found.items())


def score(pairs: Sequence[tuple[int, int]], of_answer: int, of_reference: int) -> float:
    """METEOR from the aligned pairs and the words of both texts, 0 to 1.

    >>> score([(0, 0), (1, 1)], 2, 2)
    0.9375
    """
    if not pairs:
        return 0.0
    precision, recall = len(pairs) / of_answer, len(pairs) / of_reference
    mean = (precision * recall) / (_ALPHA * precision + (1 - _ALPHA) * recall)
    breaks = sum(a + 1 != c or b + 1 != d for (a, b), (c, d) in pairwise(pairs))
    penalty: float = _GAMMA * ((breaks + 1) / len(pairs)) ** _BETA
    return (1 - penalty) * mean


def _places(words: Iterable[tuple[int, str]]) -> _Places:
    found: dict[str, list[int]] = {}
    for place, word in words:
        found.setdefault(word, []).append(place)
    return found


def _pair(words: Iterable[tuple[int, str]], places: _Places, found: dict[int, int]) -> list[int]:
    """Pair words with the last of the same that waits; returns the places of those that found none."""
    left = []
    for place, word in words:
        if waiting := places.get(word):
            found[place] = waiting.pop()
        else:
            left.append(place)
    return left
