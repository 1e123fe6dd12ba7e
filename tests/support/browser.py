"""A real Chromium for the tests of the status page."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from support.services import is_missing

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def find_chromium() -> str:
    """Where Chromium is. Skips the test when there is none, or fails it where CI demands one."""
    named = os.environ.get("ALX_TEST_CHROMIUM", "chromium")
    path = shutil.which(named) or shutil.which("chromium-browser") or shutil.which("google-chrome")
    return path or is_missing(f"no Chromium: {named} is not there (apt-get install chromium, or set ALX_TEST_CHROMIUM)")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium until the end of the block."""
    path = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
