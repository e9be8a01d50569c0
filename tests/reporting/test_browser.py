"""The report in a real browser: headless Chromium, no network, nothing on the console."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from harness.reporting import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)></script>"
LLAVA = {"model": "llava-1.5-7b", "prompt": "name-the-emotion/reversed"}

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH"),
    pytest.mark.xdist_group("browser"),  # one worker starts one browser
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, started once."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """`visit(url, **options of the context)` opens a page that lists its complaints and its requests."""
    contexts = []

    def go(url: str, **options: Any) -> Any:
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}))
        page = contexts[-1].new_page()
        page.set_default_timeout(120_000)  # a busy machine is slow, not wrong
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on(
            "dialog", lambda dialog: (page.complaints.append(f"dialog {dialog.message}"), dialog.dismiss())
        )
        page.on(
            "request",
            lambda asked: asked.url.startswith(("file:", "data:")) or page.complaints.append(asked.url),
        )
        page.goto(url)
        return page

    yield go
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def url(gallery_folder: Path) -> str:
    """The report with a gallery."""
    return write_report(gallery_folder).as_uri()


@pytest.fixture(scope="module")
def data(url: str, gallery_folder: Path) -> Any:
    """What the gallery shows."""
    source = (gallery_folder / "report.html").read_text("utf-8")
    return json.loads(source.partition('id="gallery-data">')[2].partition("</script>")[0])


def fitting(data: Any, **filters: str) -> set[str]:
    """Samples that a view with these filters should show, found without the page's code."""
    (source,) = data["sources"]
    found = set()
    for cell in data["cells"]:
        names = {key: data[f"{key}s"][cell[key]] for key in ("model", "prompt", "restoration")}
        for sample, code in zip(source["samples"], cell["answers"], strict=True):
            valid = code >= 0
            right = code == sample["gold"]
            facts = {
                **names,
                "gold": source["labels"][sample["gold"]],
                "answer": source["labels"][code] if valid else "no valid answer",
                "outcome": ("right" if right else "wrong label") if valid else data["outcomes"][str(code)],
            }
            if all(facts[key] == value for key, value in filters.items()):
                found.add(sample["id"])
    return found


def shown(page: Any) -> set[str]:
    """Ids of the samples that the gallery shows."""
    return set(page.locator(".card").evaluate_all("cards => cards.map((card) => card.dataset.sample)"))


def choose(page: Any, **filters: str) -> None:
    for key, value in filters.items():
        page.locator(f"select[data-filter={key}]").select_option(value)


def unfold(page: Any, data: Any, model: str, prompt: str = "-", restoration: str = "none") -> Any:
    """Opens the folds around a cell as a reader does; returns its confusion matrix."""
    wanted = (model, prompt, restoration)
    (anchor,) = [
        cell["anchor"]
        for cell in data["cells"]
        if (
            data["models"][cell["model"]],
            data["prompts"][cell["prompt"]],
            data["restorations"][cell["restoration"]],
        )
        == wanted
    ]
    for fold in (page.locator("details.fold", has=page.locator(f"#{anchor}")),
                 page.locator("details.cell", has=page.locator(f"#{anchor}"))):  # fmt: skip
        if fold.get_attribute("open") is None:
            fold.locator("> summary").click()
    return page.locator(f"#{anchor} .confusion")


def test_a_browser_finds_nothing_to_complain_about(hostile_folder: Path, visit: Callable[..., Any]) -> None:
    page = write_report(hostile_folder)
    assert visit(page.as_uri()).complaints == []
    attack = '<img src="http://evil.example/p.png"><script>alert(1)</script></body>'
    page.write_text(page.read_text("utf-8").replace("</body>", attack), "utf-8")
    assert len(visit(page.as_uri()).complaints) >= 2


def test_the_gallery_shows_every_picture_with_what_was_said_of_it(
    url: str, data: Any, visit: Callable[..., Any]
) -> None:
    page = visit(url)
    assert shown(page) == fitting(data)
    assert page.locator(".card").count() == 60
    assert page.locator(".card img").evaluate_all("all => all.every((image) => image.naturalWidth === 48)")
    assert "60 of the 60 pictures" in page.locator("#gallery-status").inner_text()
    assert page.locator("#gallery").screenshot()[:4] == b"\x89PNG"
    assert page.complaints == []


def test_filters_leave_what_fits_them_and_the_address_holds_them(
    url: str, data: Any, visit: Callable[..., Any]
) -> None:
    page = visit(url)
    for filters in (
        {"gold": "fear"},
        {"answer": "neutral"},
        {"outcome": "refusal"},
        {"model": "vgg19", "answer": "no valid answer"},
        {"model": "resnet50", "prompt": "-", "restoration": "gfpgan"},
        {**LLAVA, "outcome": "wrong label", "gold": "sad"},
    ):
        page.locator("#gallery-reset").click()
        assert len(shown(page)) == 60
        choose(page, **filters)
        assert shown(page) == fitting(data, **filters)
        asked = parse_qs(page.url.partition("#gallery?")[2])
        assert {key: [value] for key, value in filters.items()}.items() <= asked.items()
    again = visit(page.url)
    assert shown(again) == shown(page) != set()
    assert again.locator("#gallery").evaluate("part => Math.abs(part.getBoundingClientRect().top)") < 200
    assert page.complaints == again.complaints == []


def test_a_click_on_a_confusion_cell_shows_its_pictures_and_back_returns(
    url: str, data: Any, visit: Callable[..., Any]
) -> None:
    page = visit(url)
    matrix = unfold(page, data, "resnet50", restoration="gfpgan")
    button = matrix.get_by_role("button", name="fear answered neutral")
    count = button.evaluate("button => button.firstChild.nodeValue")
    button.click()
    wanted = {"model": "resnet50", "restoration": "gfpgan", "gold": "fear", "answer": "neutral"}
    assert shown(page) == fitting(data, **wanted) != set()
    assert f"{count} of 240 samples" in page.locator("#gallery-status").inner_text()
    assert page.locator(".card img").first.evaluate("image => image.naturalWidth") == 96  # the restored one
    assert page.evaluate("document.activeElement.id") == "gallery-title"
    page.go_back()
    assert "#gallery" not in page.url
    page.go_forward()
    assert shown(page) == fitting(data, **wanted)
    matrix.evaluate("table => { table.closest('details.fold').open = false }")
    assert matrix.is_hidden()
    page.locator("#gallery-status a").click()
    matrix.wait_for()  # its folds have opened again
    assert page.complaints == []


def test_a_cell_of_which_no_picture_was_kept_says_so(url: str, data: Any, visit: Callable[..., Any]) -> None:
    page = visit(url)
    matrix = unfold(page, data, **LLAVA)
    bare = matrix.get_by_role("button", name="no pictures kept")
    counts = Counter(bare.evaluate_all("all => all.map((button) => button.firstChild.nodeValue)"))
    assert counts, "the fixture should leave some cell without a picture"
    bare.first.click()
    assert shown(page) == set()
    said = page.locator("#gallery-status").inner_text()
    assert said.startswith("None of the 60 pictures fits.")
    assert "cells/5.parquet has the answers to all 240 samples" in said


def test_a_picture_opens_with_every_answer_and_hostile_text_stays_text(
    url: str, data: Any, visit: Callable[..., Any]
) -> None:
    page = visit(url)
    choose(page, **LLAVA, outcome="right")
    page.locator(".card").first.click()
    panel = page.locator("#gallery-detail")
    assert panel.locator("code").first.inner_text() == ATTACK
    assert panel.locator("img").count() == 2
    assert panel.locator("figcaption").all_inner_texts() == ["as published", "gfpgan"]
    page.locator("#gallery-reset").click()
    page.locator(".card").first.click()
    rows = panel.locator("tbody tr")
    assert rows.count() == 6
    assert rows.filter(has=page.locator(".score")).count() == 5
    assert page.locator('img[src="x"]').count() == 0
    assert "sample=" in page.url
    again = visit(page.url)
    assert (
        again.locator("#gallery-detail .foreign").first.inner_text()
        == panel.locator(".foreign").first.inner_text()
    )
    assert page.complaints == again.complaints == []


def test_a_keyboard_is_enough(url: str, data: Any, visit: Callable[..., Any]) -> None:
    page = visit(url)
    page.locator("select[data-filter=gold]").focus()
    page.keyboard.press("ArrowDown")
    first = page.locator("select[data-filter=gold]").input_value()
    assert shown(page) == fitting(data, gold=first)
    for _ in range(3):  # answer, outcome, show all
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "gallery-reset"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    second = page.locator(".card").nth(1)
    assert second.evaluate("card => card === document.activeElement")
    page.keyboard.press("Enter")
    assert second.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "close"
    page.keyboard.press("Escape")
    assert page.locator("#gallery-detail").count() == 0
    assert second.evaluate("card => card === document.activeElement")
    button = unfold(page, data, "vgg19").get_by_role("button", name="happy answered happy")
    button.focus()
    page.keyboard.press("Space")
    assert shown(page) == fitting(data, model="vgg19", gold="happy", answer="happy")


@pytest.mark.parametrize("address", ["#gallery?gold=%3Cimg%3E&model=none&x=%", "#gallery", "#%ff", "#cell-4"])
def test_no_address_upsets_the_page(url: str, visit: Callable[..., Any], address: str) -> None:
    page = visit(url + address)
    assert len(shown(page)) == 60
    assert page.complaints == []


def test_narrow_screens_do_not_scroll_sideways(url: str, data: Any, visit: Callable[..., Any]) -> None:
    page = visit(url, viewport={"width": 400, "height": 800}, color_scheme="dark")
    for fold in page.locator("details").all():
        fold.evaluate("fold => { fold.open = true }")
    page.locator(".card").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_without_scripts_the_tables_are_still_there(url: str, visit: Callable[..., Any]) -> None:
    page = visit(url, java_script_enabled=False)
    assert page.get_by_text("The gallery needs JavaScript").is_visible()
    assert page.locator("#gallery select").first.is_hidden()
    assert page.locator(".confusion").first.is_visible()
