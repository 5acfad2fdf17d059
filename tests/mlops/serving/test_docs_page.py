"""The documentation page in a real browser: it renders, and asks nobody but the server that it came from."""

import shutil
from urllib.parse import urlsplit

import pytest

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


class TestItsFiles:
    def test_the_policy_allows_files_of_this_server_only(self, client):
        policy = client.get("/docs").headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "http" not in policy

    @pytest.mark.parametrize("name", ["swagger-ui.css", "swagger-ui-bundle.js", "favicon.png", "start.js"])
    def test_they_are_there(self, client, name):
        assert client.get(f"/docs/{name}").status_code == 200
        assert f"docs/{name}" in client.get("/docs").text

    @pytest.mark.parametrize("name", ["redoc.standalone.js", "..%2fcore.py", "x"])
    def test_nothing_else_is(self, client, name):
        assert client.get(f"/docs/{name}").status_code == 404
