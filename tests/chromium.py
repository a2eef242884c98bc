"""Chromium without a window; a module of tests that imports this skips where there is none."""

import shutil
from contextlib import contextmanager

import pytest
from tiny import PATIENCE

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("there is no Chromium here", allow_module_level=True)

OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]


@contextmanager
def chromium():
    """Start Chromium, and end it."""
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(
            executable_path=CHROMIUM, args=OPTIONS, timeout=1000 * PATIENCE
        )
        yield opened
        opened.close()


@contextmanager
def watched_pages(browser, address, *others):
    """Give a function that opens an address, with a width and the options of a browser context.

    At the end no page must have made an error, or asked for anything but itself and addresses that
    begin with one of `others`.
    """
    problems, contexts = [], []

    def opened(width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(1000 * PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        ours = (address, *others)
        page.on("request", lambda r: None if r.url.startswith(ours) else problems.append(r.url))
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(address)
        if options.get("java_script_enabled", True):
            page.wait_for_selector("html[data-ready=yes]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []
