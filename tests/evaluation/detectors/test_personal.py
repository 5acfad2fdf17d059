"""Personal data that has a form."""

import pytest

from evaluation.detectors.personal import personal_scan

PERSONAL = [
    ("Write to ann.lee+x@mail.example.org!", ("email",), "Write to [email]!"),
    ("jürgen@müller.example", ("email",), "[email]"),
    ("a@b", (), None),
    ("@home at 5@ll", (), None),
    ("DE89370400440532013000", ("iban",), "[iban]"),
    ("IBAN: de89 3704 0044 0532 0130 00.", ("iban",), "IBAN: [iban]."),
    ("GB82 WEST 1234 5698 7654 32 PLEASE PAY", ("iban",), "[iban] PLEASE PAY"),
    ("DE89370400440532013001", (), None),
    ("4111 1111 1111 1111", ("card",), "[card]"),
    ("5500-0055-5555-5559", ("card",), "[card]"),
    ("378282246310005", ("card",), "[card]"),
    ("4111 1111 1111 1112", (), None),
    ("order 4111111111111111999999", (), None),
    ("+49 30 123456-78", ("phone",), "[phone]"),
    ("0049 (30) 12345678", ("phone",), "[phone]"),
    ("(415) 555-2671", ("phone",), "[phone]"),
    ("415-555-2671", ("phone",), "[phone]"),
    ("1234567890", (), None),
    ("paid 1,234,567.89 on 2026-11-22", (), None),
    ("ann@example.org, +1 415 555 2671", ("email", "phone"), "[email], [phone]"),
    ("", (), None),
]


@pytest.mark.parametrize("piece", ["a", "a.", "@a", "a@b.", "1 ", "+1", "DE12 ", "4", "(415) ", "0-"])
def test_no_text_takes_a_scan_long(piece):
    personal_scan()(piece * (10_000 // len(piece)))


@pytest.mark.parametrize(("text", "kinds", "masked"), PERSONAL)
def test_personal_data_with_a_form_is_found(text, kinds, masked):
    assert personal_scan()(text) == (kinds, text if masked is None else masked)
