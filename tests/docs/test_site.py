"""The documentation as a site: built strictly, nothing fetched, searched from a folder."""

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from chromium import chromium, playwright
from tiny import PATIENCE, wait_until

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_nothing_is_fetched_from_elsewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        assert not re.findall(r'src="https?://[^"]*"', page.read_text("utf-8")), page


def test_pages_outside_docs_are_there_and_linked(site):
    start = (site / "index.html").read_text("utf-8")
    for target in ("guides/microcontroller.html", "CONTRIBUTING.html", "images/"):
        assert f'="{target}' in start
    targets = re.findall(r'(?:src|href)="([^"]*)"', start)
    assert not [target for target in targets if target.startswith("docs/")]
    assert "CONTRIBUTING.html" in (site / "RESULTS.html").read_text("utf-8")


def test_the_search_works_from_a_folder_without_a_server(site):
    with chromium() as browser:
        page = browser.new_context(offline=True).new_page()
        page.set_default_timeout(1000 * PATIENCE)
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        found = page.locator("a.md-search-result__link").first

        def answers():
            """What is typed before the page listens is lost, so another page is asked then."""
            page.goto((site / "guides" / "classify.html").as_uri())
            page.locator("input.md-search__input").fill("QEMU")
            with suppress(playwright.TimeoutError):
                found.wait_for(state="attached", timeout=10_000)
            return found.count()

        wait_until(answers)
        assert "microcontroller" in page.locator(".md-search-result__list").inner_html()
    assert {url.partition(":")[0] for url in asked} <= {"file", "data", "blob"}
