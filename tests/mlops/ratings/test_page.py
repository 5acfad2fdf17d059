"""The rating page: what it tells and keeps, whom it refuses, and that a person can use it with keys alone."""

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.testclient import TestClient

from evaluation.judges.config import ScaleConfig
from evaluation.judges.prompts import Item
from evaluation.judges.ratings import Rateable
from mlops.ratings.app import Round, rating_app

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
ITEMS = [
    Rateable(Item(f"Describe product {k}.", f"<b>Answer</b> {k}", "A mug." if k else None), f"model-{k % 2}")
    for k in range(3)
]
CASES = [
    ({"rater": "anna", "id": ITEMS[0].id, "score": 6}, 422, "6 is not on the scale"),
    ({"rater": "anna", "id": ITEMS[0].id, "score": True}, 422, "True is not on the scale"),
    ({"rater": "anna", "id": ITEMS[0].id, "score": "3"}, 422, "'3' is not on the scale"),
    ({"rater": "anna", "id": "x", "score": 3}, 422, "there is no such answer here"),
    ({"rater": "", "id": ITEMS[0].id, "score": 3}, 422, "a rating needs the name of its rater"),
    ({"id": ITEMS[0].id, "score": 3}, 422, "a rating names its rater, an answer and a score"),
    ([], 422, "a rating names its rater, an answer and a score"),
]


def a_round(folder: Path, **scale: Any) -> Round:
    return Round(ITEMS, "Is it true?", ScaleConfig(**scale), folder / "ratings.jsonl")


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(rating_app(a_round(tmp_path)), base_url="http://127.0.0.1:8000")


def test_a_rating_is_kept_at_once_and_known_when_the_rater_comes_back(
    client: TestClient, tmp_path: Path
) -> None:
    assert client.post("/ratings", json={"rater": "anna", "id": ITEMS[1].id, "score": 4}).json() == {
        "kept": True
    }
    [line] = (tmp_path / "ratings.jsonl").read_text().splitlines()
    kept = json.loads(line)
    assert kept.pop("at").startswith("20")
    assert kept == {
        "prompt": "Describe product 1.",
        "answer": "<b>Answer</b> 1",
        "reference": "A mug.",
        "model": "model-1",
        "rater": "anna",
        "score": 4,
    }
    for rater, score in (("anna", 4), ("ben", None)):
        told = client.get("/items", params={"rater": rater}).json()
        assert {each["id"]: each["score"] for each in told["items"]}[ITEMS[1].id] == score


def test_nobody_is_told_who_wrote_an_answer(client: TestClient) -> None:
    told = client.get("/items", params={"rater": "anna"})
    assert "model" not in told.text
    assert told.json()["points"] == [1, 2, 3, 4, 5]
    assert told.json()["rubric"] == "Is it true?"


@pytest.mark.parametrize(("told", "status", "problem"), CASES)
def test_what_is_no_rating_is_refused(
    client: TestClient, tmp_path: Path, told: Any, status: int, problem: str
) -> None:
    answer = client.post("/ratings", json=told)
    assert (answer.status_code, answer.json()) == (status, {"problem": problem})
    assert not (tmp_path / "ratings.jsonl").exists()


def test_other_sites_can_neither_read_nor_rate(client: TestClient) -> None:
    assert client.get("/items?rater=a", headers={"host": "evil.example"}).status_code == 400
    rating = json.dumps({"rater": "a", "id": ITEMS[0].id, "score": 1})
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = client.post("/ratings", content=rating, headers={"content-type": kind})
        assert answer.status_code == 415
    assert "access-control-allow-origin" not in client.get("/").headers
    assert "unsafe" not in client.get("/").headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/app.py", "/__init__.py", "/..%2fpages.py", "/favicon.ico"])
def test_the_page_has_three_parts_and_no_more(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
    for part in ("/", "/page.css", "/page.js"):
        assert client.get(part).status_code == 200


@pytest.mark.parametrize("told", ["/items", "/items?rater=", "/items?rater=%20"])
def test_a_rater_has_a_name(client: TestClient, told: str) -> None:
    assert client.get(told).json() == {"problem": "say who you are"}


def test_no_json_is_refused(client: TestClient) -> None:
    answer = client.post("/ratings", content=b"{", headers={"content-type": "application/json"})
    assert answer.json() == {"problem": "no JSON"}


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The page behind a real server on loopback."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(rating_app(a_round(tmp_path)), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listening.close()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH: apt-get install chromium")
def test_a_person_rates_with_keys_alone(address: str, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 900, "height": 800})
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        page.get_by_label("Your name").fill("anna")
        page.keyboard.press("Enter")
        page.get_by_text("0 of 3 rated").wait_for()
        assert "<b>Answer</b>" in page.locator("#answer").inner_text()
        page.screenshot(path=tmp_path / "rating.png")
        for key, told in (("4", "1 of 3"), ("2", "2 of 3")):
            page.keyboard.press(key)
            page.get_by_text(f"{told} rated").wait_for()
        page.keyboard.press("ArrowLeft")
        assert page.get_by_role("button", name="2").get_attribute("aria-pressed") == "true"
        page.keyboard.press("5")
        page.keyboard.press("9")
        page.get_by_text("2 of 3 rated").wait_for()
        page.get_by_role("button", name="1").click()
        page.get_by_text("Nothing is left to rate").wait_for()
        page.reload()
        page.get_by_label("Your name").fill("anna")
        page.get_by_role("button", name="Begin").click()
        page.get_by_text("3 of 3 rated").wait_for()
        browser.close()
    kept = [json.loads(line)["score"] for line in (tmp_path / "ratings.jsonl").read_text().splitlines()]
    assert kept == [4, 2, 5, 1]
    assert complaints == []
