"""Numbers as people read them."""


def number(value: float, *, signed: bool = False) -> str:
    """Four digits after the point for shares, fewer for large values.

    >>> number(0.78125), number(12.3456), number(123456.7), number(0.00001234)
    ('0.7812', '12.35', '123,457', '1.2e-05')
    >>> number(0.05, signed=True), number(0)
    ('+0.0500', '0')
    """
    size = abs(value)
    sign = "+" if signed and value != 0 else ""
    if size == 0:
        return "0"
    if size < 0.00005:
        return f"{value:{sign}.1e}"
    digits = next((digits for least, digits in ((1000, 0), (100, 1), (10, 2)) if size >= least), 4)
    return f"{value:{sign},.{digits}f}"


def bound_text(bound: float) -> str:
    """A bound as it was written in the policy.

    >>> bound_text(0.1), bound_text(50.0)
    ('0.1', '50')
    """
    return f"{bound:,g}"


def percent(share: float) -> str:
    """A confidence or share in percent.

    >>> percent(0.95), percent(0.999)
    ('95 %', '99.9 %')
    """
    return f"{share * 100:g} %"


def count(n: int, noun: str) -> str:
    """A number of things, singular for one.

    >>> count(1, "check"), count(9000, "row"), count(68, "story")
    ('1 check', '9,000 rows', '68 stories')
    """
    if n == 1:
        return f"{n:,} {noun}"
    ends_in_y = noun.endswith("y") and not noun.endswith(("ay", "ey", "oy", "uy"))
    return f"{n:,} {noun[:-1]}ies" if ends_in_y else f"{n:,} {noun}s"
