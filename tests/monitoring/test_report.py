"""Evidently's page opens without a network, with our verdict above it; its workspace finds its project again."""

import json
import shutil
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from evaluation.types import Task
from monitoring.report import MAX_CATEGORIES, MAX_ROWS, _frames, write_report
from monitoring.run import watch


@pytest.fixture
def drifted(make_context, make_frame):
    return make_context(make_frame(400, seed=2, age_shift=2), keep_reports=2)


def _projects(workspace):
    return [json.loads(path.read_text()) for path in workspace.glob("*/metadata.json")]


def _draw(context, tmp_path, name="pass"):
    return write_report(context, watch(context), folder=tmp_path / name, workspace=tmp_path / "workspace")


def test_the_page_carries_our_verdict_and_evidently_s_statistics(drifted, tmp_path):
    assert _draw(drifted, tmp_path) == ()
    page = (tmp_path / "pass" / "report.html").read_text()
    assert "Weighbridge: lending version 3, 400 records" in page
    assert "Verdict: fail." in page
    assert "input &#x27;age&#x27; has moved by at least" in page
    assert "Evidently&#x27;s own tests and thresholds" in page
    assert "Wasserstein distance" in page


def test_the_project_is_made_once_and_old_runs_and_pages_go(drifted, tmp_path):
    for number in range(3):
        _draw(replace(drifted, now=drifted.now + timedelta(hours=number)), tmp_path, f"pass-{number}")
    [project] = _projects(tmp_path / "workspace")
    assert project["name"] == "lending"
    runs = list((tmp_path / "workspace" / project["id"] / "snapshots").iterdir())
    times = sorted(json.loads(run.read_text())["timestamp"] for run in runs)
    assert [time[:16] for time in times] == ["2026-11-21T13:00", "2026-11-21T14:00"]
    assert sorted(page.parent.name for page in tmp_path.glob("*/report.html")) == ["pass-1", "pass-2"]


def test_columns_that_evidently_cannot_show_are_named_and_left_out(make_context, make_frame):
    rows = 400
    odd = {
        "input.gone": pl.Series([None] * rows, dtype=pl.Float64),
        "input.when": pl.Series(np.arange(rows)).cast(pl.Datetime),
        "input.list": [[1.0]] * rows,
        "input.infinite": np.full(rows, np.inf),
    }
    current = make_frame(rows, seed=2, **odd)
    context = make_context(current, reference=make_frame(rows, seed=1, **odd))
    old, new, left_out = _frames(context)
    assert left_out == ("input.gone", "input.when", "input.list", "input.infinite")
    assert list(old.columns) == list(new.columns)
    assert set(new.columns) == {"prediction", "score", "input.age", "input.job", "input.owner"}


def test_rows_and_categories_are_bounded(make_context, make_frame):
    rows = MAX_ROWS + 1000
    ids = {"input.job": [f"job {number % 700}" for number in range(rows)]}
    context = make_context(make_frame(rows, seed=2, **ids), reference=make_frame(rows, seed=1, **ids))
    old, new, _ = _frames(context)
    assert len(old) == len(new) == MAX_ROWS
    assert set(old["input.job"]) | set(new["input.job"]) >= {"(other)"}
    assert len(set(old["input.job"]) | set(new["input.job"])) == MAX_CATEGORIES
    # The newest of the window, a seeded sample of the reference.
    assert new["input.age"].tolist() == context.current["input.age"].tail(MAX_ROWS).to_list()
    assert old.equals(_frames(context)[0])


@pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION])
def test_constant_and_new_values_make_a_page_without_a_warning(make_context, make_frame, tmp_path, task):
    rows = 300
    current = make_frame(rows, seed=2, **{"input.age": np.full(rows, 1.0), "input.job": ["pilot"] * rows})
    _draw(make_context(current, task=task), tmp_path)
    assert (tmp_path / "pass" / "report.html").stat().st_size > 1_000_000


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")
def test_the_page_opens_offline(drifted, tmp_path):
    from playwright.sync_api import sync_playwright

    _draw(drifted, tmp_path)
    page_errors, requests = [], []
    with sync_playwright() as player:
        browser = player.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
            ],
        )
        page = browser.new_context(offline=True).new_page()
        page.on("pageerror", lambda error: page_errors.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto((tmp_path / "pass" / "report.html").as_uri())
        page.get_by_text("Dataset Drift", exact=True).wait_for(timeout=30_000)
        page.get_by_text("input.age", exact=True).first.wait_for(timeout=30_000)
        shown = page.inner_text("body")
        browser.close()
    assert shown.startswith("Weighbridge: lending version 3")
    assert page_errors == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in requests)
