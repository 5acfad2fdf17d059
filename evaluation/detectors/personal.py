"""Personal data that has a form: e-mail addresses, phone numbers, IBANs and payment cards.

Names, addresses and whatever else has no form are not found. Numbers that carry check digits are held against them,
so that an order number is rarely taken for a card.
"""

import re
from collections.abc import Callable

# Every gap is bounded and an address starts where its token does, so that no text takes long.
_EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_IBAN = re.compile(r"\b[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
_CARD = re.compile(r"(?<![\d.,])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\d])")
# With a country's code, or as written in North America; other national forms look like any number.
_PHONE = re.compile(
    r"(?<![\w+])(?:\+|00)[1-9](?:[ ./()-]{0,3}\d){7,14}(?!\d)|(?<![\w+])(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[.-]\d{4}(?!\d)"
)
# No number of interest has fewer; a search for none costs more than counting.
_LEAST_DIGITS = 7

Scan = Callable[[str], tuple[tuple[str, ...], str]]


def personal_scan() -> Scan:
    """Make the function that names what it finds in a text, and gives the text with `[email]` and the like instead.

    >>> personal_scan()("Write to ann@example.org or call +49 30 123456-78.")
    (('email', 'phone'), 'Write to [email] or call [phone].')
    """
    from stdnum import iban, luhn

    def longest_iban(match: re.Match[str]) -> str:
        # Written in groups, the words that follow may look like one more.
        words = re.split(r"([ -])", match[0])
        for end in range(len(words), 0, -2):
            if iban.is_valid("".join(words[:end]), check_country=False):
                return "[iban]" + "".join(words[end:])
        return match[0]

    def card(match: re.Match[str]) -> str:
        return "[card]" if luhn.is_valid(re.sub(r"\D", "", match[0])) else match[0]

    def scan(text: str) -> tuple[tuple[str, ...], str]:
        kinds: list[str] = []
        if "@" in text:
            text = _replaced(text, _EMAIL.sub("[email]", text), "email", kinds)
        if sum(map(text.count, "0123456789")) >= _LEAST_DIGITS:
            text = _replaced(text, _IBAN.sub(longest_iban, text), "iban", kinds)
            text = _replaced(text, _CARD.sub(card, text), "card", kinds)
            text = _replaced(text, _PHONE.sub("[phone]", text), "phone", kinds)
        return tuple(kinds), text

    return scan


def _replaced(before: str, after: str, kind: str, kinds: list[str]) -> str:
    if after != before:
        kinds.append(kind)
    return after
