"""Takes the README's pictures of a report: `.venv/bin/python reports/screenshots.py reports/latest reports`.

Writes example.png (the top of the report), gallery.png (the gallery with one picture open) and charts.png
(verdicts on a claim, a confusion matrix, answers by position, neutral answers) of a run of the specimens.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

SIZE = {"width": 1240, "height": 820}
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# What charts.png shows, two to a column.
CHARTS = (
    "section[aria-labelledby^='claim-']:has(h3:text-is('label_order_bias')) table",
    "#leanings .charts",
    "[aria-label='Confusion matrix of specimen-fer:test/none/plain/specimen-llava-biased']",
    "#leanings table.neutral >> nth=0",
)
GAP = 48


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
        cards.nth(min(3, cards.count() - 1)).click()
        page.locator("#gallery").evaluate("part => part.scrollIntoView()")
        page.screenshot(path=out / "gallery.png")
        page.evaluate("document.querySelectorAll('#models details').forEach(part => part.open = true)")
        charts(page).save(out / "charts.png", optimize=True)
        browser.close()


def charts(page: Page) -> Image.Image:
    """The charts on one white sheet, in two columns."""
    shots = [page.locator(chart).first.screenshot() for chart in CHARTS]
    found = [Image.open(io.BytesIO(shot)).convert("RGB") for shot in shots]
    columns = [found[:2], found[2:]]
    widths = [max(chart.width for chart in column) for column in columns]
    heights = [sum(chart.height + GAP for chart in column) - GAP for column in columns]
    sheet = Image.new("RGB", (sum(widths) + GAP, max(heights)), "white")
    for left, column in zip((0, widths[0] + GAP), columns, strict=True):
        top = 0
        for chart in column:
            sheet.paste(chart, (left, top))
            top += chart.height + GAP
    return sheet


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
