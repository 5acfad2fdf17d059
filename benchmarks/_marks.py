"""The part of a page that comes from measurements, between two marks."""

START, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def filled(text: str, measured: str) -> str:
    """The page with its measured part written anew; the rest stays.

    >>> filled(f"{START} then {END} after", "now").splitlines()[2]
    'now'
    """
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{measured}\n\n{END}{after}"
