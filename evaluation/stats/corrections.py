"""Several p-values, one stated error."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the order given: those at most `level` are rejected at that level.

    p_values: each in 0..1. The chance of even one false rejection stays below the level, for tests that depend on
    each other in any way. Source: Holm 1979, "A simple sequentially rejective multiple test procedure".

    Raises ValueError for a p-value outside 0..1, NaN included.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError(f"p-values lie in 0 to 1, not all of {list(p_values)} do")
    adjusted = [0.0] * len(p_values)
    so_far = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        so_far = max(so_far, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = so_far
    return adjusted
