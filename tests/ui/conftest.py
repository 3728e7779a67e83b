"""A real JupyterLab, driven by a real browser: Debian's Chromium through Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.ui.lab_server import REPOSITORY, Lab, start_lab

WAIT_MILLISECONDS = 120_000
"""What is waited for at most; Playwright itself gives `expect` 5 seconds, however busy it is."""

SCREENSHOTS = REPOSITORY / "build" / "screenshots"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("ui")


@pytest.fixture(scope="module")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start JupyterLab over an empty folder."""
    root, private = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("private")
    with start_lab(root, private) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the browser. In CI it must be there.

    For one module: as long as it is there, its event loop runs, and no other can.
    """
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium: the panel was not tested")
        pytest.skip("no Chromium on this machine")
    expect.set_options(timeout=WAIT_MILLISECONDS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open an empty page; the test fails when a script in it does."""
    context = browser.new_context(viewport={"width": 1360, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(WAIT_MILLISECONDS)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert not errors


@pytest.fixture
def shoot(page: Page) -> Callable[[str], None]:
    """Keep what the page shows, in both themes, for people to look at."""

    def take(name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for theme, is_light in (("Dark", "false"), ("Light", "true")):
            page.evaluate(
                "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})",
                f"JupyterLab {theme}",
            )
            page.wait_for_selector(f'body[data-jp-theme-light="{is_light}"]', state="attached")
            page.locator("#jupyterlab-splash").wait_for(state="detached")
            page.screenshot(path=SCREENSHOTS / f"{name}-{theme.lower()}.png")

    return take
