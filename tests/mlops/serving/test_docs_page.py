"""The documentation page in a real browser: it renders, and asks nobody but the server that it came from."""

import json
import shutil
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from mlops.serving.access.callers import Scope
from mlops.serving.access.keys import API_KEYS, KeyFile, make_key

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    # By this name the page is on no machine of its own, as it is for visitors.
    "--host-resolver-rules=MAP weighbridge.example 127.0.0.1",
]  # fmt: skip


@pytest.fixture
def page():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser.new_page(viewport={"width": 1200, "height": 1400})
        browser.close()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH: apt-get install chromium")
def test_it_renders_and_answers_without_another_host(tmp_path, bundle, servers, page):
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on(
        "console", lambda line: complaints.append(line.text) if line.type in {"error", "warning"} else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    with servers(tmp_path, str(bundle.path)) as start:
        address = f"weighbridge.example:{start().port}"
        page.goto(f"http://{address}/docs")
        page.get_by_text("lending 3").wait_for()
        page.locator("#operations-answers-predict_v1_predict_post").click()
        page.get_by_role("button", name="Try it out").click()
        page.get_by_role("button", name="Execute").click()
        page.get_by_text('"predictions":').first.wait_for()
        page.screenshot(path=tmp_path / "docs.png")
    hosts = {urlsplit(url).netloc for url in asked if not url.startswith("data:")}
    assert hosts == {address}
    assert complaints == []


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH: apt-get install chromium")
def test_it_asks_for_a_key_where_the_server_wants_one(tmp_path, bundle, servers, page):
    file = KeyFile.of(tmp_path)
    keys = {}
    for scope in (Scope.PREDICT, Scope.FEEDBACK):
        keys[scope], made = make_key("shop", [scope], now=datetime.now(UTC))
        file.add(made)
    asked = []
    page.on("request", lambda request: asked.append((urlsplit(request.url).path, request.headers)))
    with servers(tmp_path, str(bundle.path)) as start:
        server = start("--serve", json.dumps({"access": {"keys": True}}), **{API_KEYS: str(file.path)})
        page.goto(f"{server.url}/docs")
        field = page.get_by_label("API key or token")
        field.wait_for()
        assert page.locator("output").text_content() == ""
        for wrong, status in (("wb_" + "0" * 12 + "_" + "0" * 64, 401), (keys[Scope.FEEDBACK], 403)):
            field.fill(wrong)
            with page.expect_response("**/openapi.json") as answered:
                page.get_by_role("button", name="Open").click()
            assert answered.value.status == status
            page.get_by_text(answered.value.json()["detail"]).wait_for()
            assert page.get_by_text("lending 3").count() == 0
        page.screenshot(path=tmp_path / "door.png")
        field.fill(keys[Scope.PREDICT])
        field.press("Enter")
        page.get_by_text("lending 3").wait_for()
        assert field.count() == 0
        page.locator("#operations-answers-predict_v1_predict_post").click()
        page.get_by_role("button", name="Try it out").click()
        page.get_by_role("button", name="Execute").click()
        page.get_by_text('"predictions":').first.wait_for()
        page.screenshot(path=tmp_path / "docs.png")
    with_key = {path for path, headers in asked if "authorization" in headers}
    assert with_key == {"/openapi.json", "/v1/predict"}
    assert not [path for path, _ in asked if keys[Scope.PREDICT] in path]


class TestItsFiles:
    def test_the_policy_allows_files_of_this_server_only(self, client):
        policy = client.get("/docs").headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "http" not in policy

    @pytest.mark.parametrize(
        "name", ["swagger-ui.css", "swagger-ui-bundle.js", "favicon.png", "start.js", "start.css"]
    )
    def test_they_are_there(self, client, name):
        assert client.get(f"/docs/{name}").status_code == 200
        assert f"docs/{name}" in client.get("/docs").text

    @pytest.mark.parametrize("name", ["redoc.standalone.js", "..%2fcore.py", "x"])
    def test_nothing_else_is(self, client, name):
        assert client.get(f"/docs/{name}").status_code == 404
