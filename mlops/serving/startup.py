"""What makes a start short: no garbage collection while packages are imported, and the slowest of them first."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# Objects that are more than at the last collection; some thousands of requests, and a few MiB, if they were garbage.
_COLLECT_AT = 20_000


@contextmanager
def quick_start() -> Iterator[Callable[[], None]]:
    """Collect no garbage until the function that it gives is called, or the block ends.

    A start makes some 200,000 objects and drops few of them; looking through them again and again took a quarter of
    it. Once that function is called, they are left out of later collections too (gc.freeze), each of which would
    otherwise hold up all requests for 0.15 s or more. And they come seldom then: what requests at hand hold is no
    garbage, and looking through it at every 700 objects, which is every seventh request of 32 at a time, took 25 us of
    each request's 600.
    """

    def settle() -> None:
        gc.freeze()
        gc.set_threshold(_COLLECT_AT)
        gc.enable()

    gc.disable()
    try:
        yield settle
    finally:
        gc.enable()


def import_first(model_dir: Path) -> None:
    """Import skops, if the model's file is one, before anything else is there.

    It looks for each of some 800 functions, most of them of scipy.special, in every module that was imported before,
    the oldest first: without scipy.special among the oldest, that took 0.2 s more.
    """
    if any(model_dir.glob("*.skops")):
        import scipy.special  # noqa: F401
        import skops.io  # noqa: F401
