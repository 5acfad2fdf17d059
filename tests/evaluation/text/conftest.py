"""Texts of every kind."""

import pytest

from evaluation.text.rows import TextRows

# (answer, references): plain, several references, and what only a machine writes.
CASES: list[tuple[str, tuple[str, ...]]] = [
    ("A white hanging heart holder for tea lights.", ("White hanging heart T-light holder.",)),
    ("The cat sat on the mat.", ("The cat is on the mat.", "There is a cat on the mat, sitting.")),
    ("the the the the the the the", ("the cat is on the mat", "there is a cat on the mat")),
    ("Price: $1,299.50 (was 1.400-ish) & more &amp; less", ("It costs $1,299.50 & no less!",)),
    ("one two three four five six seven", ("one two three four five six seven",)),
    ("seven six five four three two one", ("one two three four five six seven", "seven six")),
    ("a", ("a",)),
    ("an", ("the",)),
    ("", ("something",)),
    ("something", ("",)),
    ("", ("",)),
    ("...", ("!?",)),
    ("   \t\n ", ("x y",)),
    ("Größe und Maß: süß, „schön“", ("Groesse und Mass: suess",)),
    ("кот сидит на коврике", ("кот сидел на коврике", "на коврике кот")),
    ("一个 蓝色的杯子", ("蓝色的杯子",)),
    ("كوب أزرق جميل", ("كوب أزرق",)),
    ("mug 😀😀 👩‍👩‍👧 mug", ("😀 mug", "mug mug 😀")),
    ("x\x00y \x07 z\u2028w\u202ev", ("x y z w v",)),
    ("half \ud800 a pair \udfff", ("half \ud800 a pair",)),
    ("İstanbul ŞIŞLİ ﬁne ²", ("istanbul sisli fine 2",)),
    ("word- \nword new-\nline <skipped> end", ("wordword newline end",)),
    ("don't can't won't 5-6 3.14 a.b.c", ("dont cant wont 5-6 3.14 a.b.c", "don't")),
    ("long " * 300 + "short", ("long " * 280 + "short long",)),
]


@pytest.fixture(scope="session")
def cases() -> TextRows:
    return TextRows.of([answer for answer, _ in CASES], *(references for _, references in CASES))


@pytest.fixture(scope="session")
def huge() -> TextRows:
    """Texts of 100 kB that repeat, that never do, and of one word."""
    texts = [
        "word " * 20_000,
        " ".join(map(str, range(18_000))),
        "x" * 100_000,
        "茶杯" * 16_000,
        "\ud800" * 50_000,
    ]
    prompts = [text.replace("\ud800", "mug ") for text in texts[1:] + texts[:1]]
    return TextRows.of(texts, *[(text, "a mug") for text in reversed(texts)], prompt=prompts)
