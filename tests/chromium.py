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
