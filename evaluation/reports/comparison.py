"""The report on a comparison of candidates, from its JSON record."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.choice.best import Place
from evaluation.reports.blocks import (
    Banner,
    Block,
    Cell,
    Code,
    Document,
    Facts,
    Heading,
    Item,
    Items,
    Listing,
    Paragraph,
    Stack,
    Table,
    Tile,
    Tiles,
)
from evaluation.reports.comparison_picture import compared, picture
from evaluation.reports.judges import judges_blocks
from evaluation.reports.numbers import count, number, percent
from evaluation.types import Verdict

_UNTOLD = "-"
# More candidates than these are counted in the title, not named.
_NAMED = 4
# So many metrics side by side leave room for names on a terminal.
_ABREAST = 3

Found = Mapping[str, Any]


def comparison_document(content: Mapping[str, Any]) -> Document:
    """The whole page, from the content of a comparison.json."""
    blocks: list[Block] = [_banner(content), _tiles(content)]
    if (drawn := picture(content)) is not None:
        blocks += [Heading("Quality and price"), drawn, Paragraph(_HOW_TO_SEE)]
    blocks += [Heading("Candidates"), _table(content, _measured(content)), Paragraph(_how_to_read(content))]
    blocks += [*_not_compared(content), *_not_measured(content), *_for_the_policy(content)]
    blocks += [*judges_blocks(content["judges"]), Heading("What this rests on"), _facts(content)]
    return Document(f"{content['model']}: comparison {content['id']}", tuple(blocks))


def comparison_brief(content: Mapping[str, Any]) -> Document:
    """The same on one screen."""
    shown = _measured(content)
    beside = [shown[start : start + _ABREAST] for start in range(0, len(shown), _ABREAST)]
    blocks = [
        _banner(content),
        _table(content, ()),
        *(_of_metrics(content, names) for names in beside),
        *_not_compared(content),
        *_for_the_policy(content),
    ]
    return Document("", tuple(blocks))


def _banner(content: Mapping[str, Any]) -> Banner:
    by, asked, best, left = content["by"], content["cases"], content["best"], content["open"]
    basis = f"By {by['metric']} on {count(asked['cases'], 'case')} of {asked['path']}"
    if best is not None:
        text = (
            f"{basis}, every other candidate is worse; the error of that is at most {percent(by['error'])}."
        )
        return Banner(Verdict.PASS, f"{best} is the best", text)
    if len(compared(content)) < 2:
        return Banner(
            Verdict.INCONCLUSIVE,
            "Nothing could be compared",
            "Fewer than two candidates have a value to compare.",
        )
    among = f"the best is among them with an error of at most {percent(by['error'])}"
    needed = content["needed"]
    outlook = (
        "No realistic number of cases would tell all of them apart, were the differences what they look like."
        if needed is None
        else f"About {count(needed, asked['unit'])} would tell the leading one from the rest, were the differences "
        "what they look like."
    )
    title = f"{_listed(left) if len(left) <= _NAMED else f'{len(left)} candidates'} cannot be told apart yet"
    return Banner(Verdict.INCONCLUSIVE, title, f"{basis}, {among}. {outlook}")


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _tiles(content: Mapping[str, Any]) -> Tiles:
    places = [found["place"] for found in content["candidates"]]
    asked = content["cases"]
    tiles = [
        Tile("candidates", str(len(places))),
        Tile(
            "may be the best",
            str(len(places) - places.count(Place.BEATEN) - places.count(Place.NOT_COMPARED)),
        ),
        Tile("beaten", str(places.count(Place.BEATEN))),
        Tile("cases", f"{asked['cases']:,}"),
        Tile("answers to each", str(asked["repeats"])),
    ]
    if gone := places.count(Place.NOT_COMPARED):
        tiles.insert(3, Tile("not compared", str(gone), Verdict.INCONCLUSIVE))
    return Tiles(tuple(tiles))


def _measured(content: Mapping[str, Any]) -> tuple[str, ...]:
    """The other metrics that some candidate has a value of."""
    return tuple(name for name in content["show"] if not _unmeasured(content, name))


def _of_metrics(content: Mapping[str, Any], names: Sequence[str]) -> Table:
    """Every candidate's values of some metrics."""
    rows = (
        (found["name"], *(_estimate(found["shown"][name]) for name in names))
        for found in content["candidates"]
    )
    return Table(("Candidate", *names), tuple(rows), frozenset(range(1, 1 + len(names))))


def _table(content: Mapping[str, Any], shown: Sequence[str]) -> Table:
    by = content["by"]["metric"]
    columns = ("Candidate", "Standing", by, "Difference to that", *shown, "Front")
    rows = tuple(
        (
            Stack(found["name"], _patch(found["patch"])),
            _place(found),
            _estimate(found["estimate"]),
            _difference(found),
            *(_estimate(found["shown"][name]) for name in shown),
            "●" if found["on_front"] else "",
        )
        for found in content["candidates"]
    )
    return Table(columns, rows, frozenset(range(2, 4 + len(shown))))


def _unmeasured(content: Mapping[str, Any], name: str) -> str | None:
    """Why no candidate has a value of a shown metric; None where one has."""
    found = [candidate["shown"][name] for candidate in compared(content) or content["candidates"]]
    if any(estimate["value"] is not None for estimate in found):
        return None
    return next((estimate["problem"] for estimate in found if estimate["problem"]), "no value")


def _not_measured(content: Mapping[str, Any]) -> list[Block]:
    items = tuple(
        Item(name, why) for name in content["show"] if (why := _unmeasured(content, name)) is not None
    )
    return [Heading("Not measured of any candidate"), Items(items)] if items else []


def _place(found: Found) -> Cell:
    if found["against"] is None:
        return str(found["place"])
    return Stack(
        str(found["place"]), f"{'by' if found['place'] == Place.BEATEN else 'behind'} {found['against']}"
    )


def _patch(patch: Mapping[str, Any]) -> str:
    """What a candidate changes, on one line."""
    if not patch:
        return "unchanged"
    return ", ".join(f"{key}: {_value(value)}" for key, value in patch.items())


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_value(item)}" for key, item in value.items())
    return "none" if value is None else str(value)


def _estimate(estimate: Mapping[str, Any]) -> Cell:
    if estimate["value"] is None:
        return _UNTOLD
    if estimate["low"] is None or estimate["high"] is None:
        return number(estimate["value"])
    return Stack(number(estimate["value"]), f"{number(estimate['low'])} to {number(estimate['high'])}")


def _difference(found: Found) -> Cell:
    difference = found["difference"]
    if difference is None or difference["value"] is None:
        return ""
    value = number(difference["value"], signed=True)
    if difference["low"] is None or difference["high"] is None:
        return value
    return Stack(
        value, f"{number(difference['low'], signed=True)} to {number(difference['high'], signed=True)}"
    )


_HOW_TO_SEE = (
    "Green is the best, amber may be the best, grey is beaten. Bars are intervals of the deciding metric. The dashed "
    "line joins the candidates that no other one beats in both numbers at once."
)


def _how_to_read(content: Mapping[str, Any]) -> str:
    by, axes = content["by"], content["axes"]
    level = percent(float(f"{by['level']:.3g}"))
    return (
        f"A candidate is beaten when the whole interval of its difference to another one, on the same cases, lies on "
        f"the worse side of 0. Limits of a difference err in {level} of samples, so "
        f"that the best of all is beaten in at most {percent(by['error'])}; limits of single values err in "
        f"{percent(by['error'])} on either side. ● marks the Pareto front over {_listed(axes)}, by what was measured "
        f"and without regard to chance."
    )


def _not_compared(content: Mapping[str, Any]) -> list[Block]:
    items = tuple(
        Item(found["name"], found["estimate"]["problem"] or "no value", Verdict.INCONCLUSIVE)
        for found in content["candidates"]
        if found["place"] == Place.NOT_COMPARED
    )
    unclear = tuple(
        Item(found["name"], problem, Verdict.INCONCLUSIVE)
        for found in compared(content)
        if (problem := found["estimate"]["problem"] or (found["difference"] or {}).get("problem"))
    )
    blocks: list[Block] = [Heading("Not compared"), Items(items)] if items else []
    return blocks + ([Heading("Could not be told apart"), Items(unclear)] if unclear else [])


def _for_the_policy(content: Mapping[str, Any]) -> list[Block]:
    told = compared(content)
    if len(told) < 2:
        return []
    first = told[0]
    if content["best"] is not None:
        said = f"For weighbridge.yaml: {first['name']}"
    else:
        said = f"For weighbridge.yaml: {first['name']}, which leads and is not shown to be the best"
    return [Heading(said), Listing(first["yaml"], "yaml")]


def _facts(content: Mapping[str, Any]) -> Facts:
    asked, by = content["cases"], content["by"]
    commit = content["commit"] or "not under version control"
    return Facts(
        (
            ("Comparison", Code(content["id"])),
            ("Created", content["created_at"]),
            ("Commit", Code(f"{commit}, with uncommitted changes" if content["dirty"] else commit)),
            ("Code and configuration, SHA-256", Code(content["source"])),
            ("Cases", f"{asked['cases']:,} of {asked['path']}, each asked {count(asked['repeats'], 'time')}"),
            ("Cases, SHA-256 of the file", Code(asked["sha256"])),
            ("Decided by", f"{by['metric']}, {by['direction']} is better"),
            ("Seed", str(content["seed"])),
            ("Packages", ", ".join(f"{name} {version}" for name, version in content["software"].items())),
        )
    )
