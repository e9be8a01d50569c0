"""Takes the README's pictures of a report: `.venv/bin/python reports/screenshots.py reports/latest reports`.

Writes example.png (the top of the report) and gallery.png (the gallery with one picture open).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SIZE = {"width": 1240, "height": 820}
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def main(run: Path, out: Path) -> None:
    """Opens report.html of a run folder in headless Chromium and writes the pictures into `out`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport=SIZE, device_scale_factor=1.5, reduced_motion="reduce")
        page.set_default_timeout(120_000)  # a busy machine is slow, not wrong
        page.goto((run / "report.html").resolve().as_uri())
        page.screenshot(path=out / "example.png")
        cards = page.locator(".card")
        if cards.count():
            cards.nth(min(3, cards.count() - 1)).click()
            page.locator("#gallery").evaluate("part => part.scrollIntoView()")
            page.screenshot(path=out / "gallery.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
