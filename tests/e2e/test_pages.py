"""The pages that people look at, in a real browser: MLflow's registry and Evidently's report."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from evaluation.errors import ExitCode
from mlops.demo.traffic import serve_rows

if TYPE_CHECKING:
    from tests.e2e.conftest import UserProject

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PICTURES = Path(__file__).resolve().parents[2] / "build" / "pictures"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH: apt-get install chromium"),
]


@pytest.fixture
def page() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser.new_page(viewport={"width": 1400, "height": 1000})
        browser.close()


@contextmanager
def pages_of(project: "UserProject", command: str) -> Iterator[str]:
    """Run `weighbridge mlflow-ui` or `drift-ui` until the block ends; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = project.folder / f"{command}.log"
    program = "from mlops.cli.main import main; main()"
    arguments = [
        sys.executable,
        "-c",
        program,
        "--project",
        str(project.folder),
        command,
        "--port",
        str(port),
    ]
    with log.open("wb") as file:
        process = subprocess.Popen(arguments, stdout=file, stderr=file, start_new_session=True)
    try:
        _until_it_answers(f"http://127.0.0.1:{port}/", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        _end(process)


def _until_it_answers(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    pytest.fail(f"{url} did not answer:\n{log.read_text()[-2000:]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)


def test_people_find_versions_evidence_and_drift(project: "UserProject", page: Any) -> None:
    assert project("release").code == ExitCode.PASS
    project.edit("train.py", "strength=1.0", "strength=0.2")
    assert project("release").code == ExitCode.PASS
    serve_rows(project.open(), pl.read_parquet(project.folder / "holdout.parquet"))
    assert project("monitor").code in {ExitCode.PASS, ExitCode.INCONCLUSIVE}

    with pages_of(project, "mlflow-ui") as address:
        page.goto(f"{address}/#/models/small")
        page.get_by_text("champion").first.wait_for(timeout=60_000)
        shown = page.content()
        assert "Version 1" in shown
        assert "Version 2" in shown
        assert "previous" in shown
        page.screenshot(path=PICTURES / "mlflow-registry.png")
        page.goto(f"{address}/#/models/small/versions/2")
        link = page.get_by_role("link", name="Decision record and report")
        link.wait_for(timeout=60_000)
        page.screenshot(path=PICTURES / "mlflow-version.png")
        page.goto(f"{address}/{link.get_attribute('href').lstrip('/')}")
        page.get_by_text("decision.json").first.wait_for(timeout=60_000)
        page.frame_locator("iframe").get_by_text("may serve").first.wait_for(timeout=60_000)
        page.screenshot(path=PICTURES / "mlflow-evidence.png")

    (report,) = project.folder.glob(".weighbridge/monitoring/*/report.html")
    page.goto(report.as_uri())
    page.get_by_text("delay").first.wait_for(timeout=60_000)
    page.screenshot(path=PICTURES / "evidently-report.png")
    with pages_of(project, "drift-ui") as address:
        page.goto(address)
        page.get_by_text("small").first.wait_for(timeout=60_000)
        page.screenshot(path=PICTURES / "evidently-projects.png")
