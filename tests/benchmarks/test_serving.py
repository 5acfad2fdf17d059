import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest

from benchmarks._printed import keeping, read
from benchmarks.serving import page, soak
from benchmarks.serving.contestants import BARE, BENTOML, MLFLOW, OURS, UNLOGGED
from benchmarks.serving.goals import goals
from benchmarks.serving.load import Round
from benchmarks.serving.results import FILE, Results, Row, Soak, told
from benchmarks.serving.servers import Contestant, NotServed, serving
from benchmarks.serving.tables import Grid, as_markdown, grids

ROOT = Path(__file__).parents[2]
MANY = 32


def row(name: str, *per_second: float, clients: int | None = MANY, failed: int = 0, **what: object) -> Row:
    rounds = tuple(Round(each, 1.0, round(1000 / each, 2), failed) for each in per_second)
    return Row(name, rounds, clients=clients, **what)


def results(*rows: Row, **what: object) -> Results:
    run = told(how="in rounds")
    return Results({"Speed": run}, rows, **what)


@pytest.mark.timeout(300)
def test_every_server_of_ours_answers_as_the_model_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.serving", "--smoke"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_page_says_what_the_results_say() -> None:
    text = page.PAGE.read_text()
    assert page.page(text, Results.read(FILE), read()) == text, "python -m benchmarks.serving --write-docs"


@pytest.mark.parametrize(
    ("text", "rows", "met"),
    [
        ("32 clients: at least 4 times", [row(OURS, 400, 400), row(BARE, 100, 100)], True),
        ("32 clients: at least 4 times", [row(OURS, 399, 399), row(BARE, 100, 100)], False),
        ("32 clients: at least 4 times", [row(OURS, 400)], None),
        ("12 times those of mlflow", [row(OURS, 1200), row(MLFLOW, 100)], True),
        ("more than BentoML", [row(OURS, 100), row(BENTOML, 100)], False),
        ("more than BentoML", [row(OURS, 100), Row(BENTOML, problem="not set up")], None),
        ("No request fails", [row(OURS, 95, failed=1)], False),
        ("1 client: at least 0.85", [row(OURS, 85, clients=1), row(BARE, 100, clients=1)], True),
        (
            "p99 at half",
            [
                row(OURS, 80, 80, 80, clients=None, share_of=BARE),
                row(BARE, 100, 100, 100, clients=None, share_of=BARE),
            ],
            True,
        ),
        (
            "p99 at half",
            [
                row(OURS, 79, 79, 79, clients=None, share_of=BARE),
                row(BARE, 100, 100, 100, clients=None, share_of=BARE),
            ],
            False,
        ),
        (
            "p99 at half",
            [
                row(OURS, 90, 90, clients=None, share_of=BARE),
                row(BARE, 100, 100, clients=None, share_of=BARE),
            ],
            None,
        ),
    ],
)
def test_a_goal_is_met_missed_or_not_measured(text: str, rows: list[Row], met: bool | None) -> None:
    (goal,) = (each for each in goals(results(*rows)) if text in each.text)
    assert goal.met is met


@pytest.mark.parametrize(
    ("kept", "met", "told"),
    [
        ((96, 192, 384), True, "4.0 % (4.0 to 4.0 %)"),
        ((94, 188, 376), False, "6.0 % (6.0 to 6.0 %)"),
        ((94, 188), None, "not measured"),
    ],
)
def test_what_the_log_costs_is_told_by_pairs_of_rounds(
    kept: tuple[float, ...], met: bool | None, told: str
) -> None:
    without = (100, 200, 400)[: len(kept)]
    found = results(log=(row(OURS, *kept), row(UNLOGGED, *without)))
    (goal,) = (each for each in goals(found) if "32 clients: the request log" in each.text)
    assert (goal.met, goal.measured) == (met, told)


def test_a_ratio_is_taken_within_rounds() -> None:
    # In the second round the machine was three times as slow for all.
    mine, theirs = row(OURS, 290, 100, 300), row(BARE, 100, 33, 100)
    assert mine.times(theirs) == pytest.approx((3.0, 2.9, 100 / 33))


def test_a_server_that_does_not_run_is_a_row_with_its_reason(tmp_path: Path) -> None:
    absent = Contestant("absent", ("x",), "/", "/", float, needs=(tmp_path / "none", "make serving-peers"))
    with pytest.raises(NotServed, match="make serving-peers"), serving(absent, tmp_path):
        pass
    dying = Contestant("dying", (sys.executable, "-c", "raise SystemExit('no model')"), "/", "/", float)
    with pytest.raises(NotServed, match="no model"), serving(dying, tmp_path):
        pass
    shown = grids(results(row(OURS, 100), Row("absent", problem="not set up: make serving-peers")))[0]
    assert ("", "absent", "not set up: make serving-peers", "", "", "", "") in shown.lines


def test_what_a_server_started_ends_with_it(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, http.server\n"
        "subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), http.server.SimpleHTTPRequestHandler)"
        ".serve_forever()"
    )
    contestant = Contestant("parent", (sys.executable, "-c", program, "PORT"), "/", "/", float)
    with serving(contestant, tmp_path) as server:
        family = server.family()
        assert len(family) == 2
        with server.still(), pytest.raises(TimeoutError):
            urlopen(server.url, timeout=0.2)
        assert urlopen(server.url, timeout=10).status == 200
    assert not any(each.is_running() for each in family)


def test_results_come_back_as_they_were_written(tmp_path: Path) -> None:
    found = results(
        row(OURS, 100.0, 40.0),
        Row(BENTOML, problem="not set up"),
        row(OURS, 50, clients=None, rate=50.0, share_of=BARE),
        ready_s={OURS: [2.5, 2.25]},
        soak=Soak(1.0, 50.0, 3000, 0, (2.0, 4.0), (300.0, 301.0), late=7),
    )
    found.write(tmp_path / "r.json")
    assert Results.read(tmp_path / "r.json") == found
    assert json.loads((tmp_path / "r.json").read_text())["rows"][1]["problem"] == "not set up"


def test_a_later_part_takes_the_place_of_the_earlier_one_alone() -> None:
    first = results(row(OURS, 1), ready_s={OURS: [1.0]})
    memory = Results({"Memory": {}}, soak=Soak(1, 1, 1, 0, (), ()))
    both = first.updated(memory)
    assert (both.rows, both.ready_s, both.soak) == (first.rows, first.ready_s, memory.soak)
    assert set(both.runs) == {"Speed", "Memory"}


def test_memory_that_grows_is_told_from_memory_that_does_not() -> None:
    at_s = tuple(2.0 * n for n in range(300))
    grows = Soak(10, 1, 1, 0, at_s, tuple(200 + s / 36 + (n % 7) for n, s in enumerate(at_s)))
    steady = replace(grows, mib=tuple(200.0 + n % 7 for n in range(300)))
    found = soak.slope(grows)
    assert found is not None
    assert found.value == pytest.approx(100, abs=3 * found.se)
    still = soak.slope(steady)
    assert still is not None
    assert abs(still.value) < 3 * still.se + 1
    assert soak.slope(replace(grows, at_s=at_s[:5], mib=grows.mib[:5])) is None


def test_a_bar_does_not_break_a_table() -> None:
    assert as_markdown(Grid("", ("a",), (("x|y",),))).endswith("| x\\|y |")


def test_what_a_benchmark_prints_is_kept_and_shown(tmp_path: Path) -> None:
    file = tmp_path / "printed.json"
    for line in ("first", "second"):
        with keeping("one", file):
            sys.stdout.write(f"{line}\n")
    assert read(file)["one"]["lines"] == ["second"]
    text = page.page(page.PAGE.read_text(), results(row(OURS, 1)), read(file))
    assert "`python -m benchmarks one`" in text
    assert "```\nsecond\n```" in text
