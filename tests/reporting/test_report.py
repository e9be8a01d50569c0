import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from html_page import Page

from harness.errors import DataError, UsageError
from harness.predictions.table import Predictions
from harness.reporting import write_report
from harness.reporting.markdown import SIZE_LIMIT
from harness.runs import read_run

Cells = dict[str, Predictions]
NewRun = Callable[..., Path]


@pytest.fixture(scope="module")
def page(run_folder: Path) -> Page:
    return Page(write_report(run_folder).read_text("utf-8"))


@pytest.fixture
def hostile_page(hostile_folder: Path) -> Page:
    return Page(write_report(hostile_folder).read_text("utf-8"))


def test_the_page_opens_with_the_outcome_and_holds_every_part(page: Page) -> None:
    order = [
        "20 claims judged: 13 supported, 2 refuted, 5 inconclusive; 2 skipped. 6 not as expected.",
        "Verdicts",
        "A CNN trained on the data set beats a zero-shot vision-language model.",
        "needs 12,410",
        "unpaired",
        "Metrics",
        "balanced accuracy",
        "Training_1234.jpg cannot be decoded",
        "Models in detail",
        "no valid answer",
        "melancholy — 憂鬱",
        "Changes since the baseline",
        "OPENAI_API_KEY is not set.",
        "86.44 % cannot be k/3589 (GRIM).",
        "pytest evals -n 4 -k fer2013 --profile nightly",
    ]
    place = 0
    for part in order:
        assert part in page.text[place:], part
        place = page.text.index(part, place)


def test_every_verdict_is_drawn_with_its_interval_and_said_in_words(page: Page) -> None:
    drawn = [value for value in page.values("aria-label") if value.startswith("accuracy difference")]
    assert len(drawn) == 11
    assert "accuracy difference +0.270 [+0.249, +0.291]" in drawn
    assert page.text.count("expected supported") == 6


def test_the_page_asks_the_network_for_nothing_and_runs_nothing(page: Page, hostile_page: Page) -> None:
    for one in (page, hostile_page):
        assert not {"script", "img", "iframe", "link", "object", "embed", "form", "base"} & set(one.tags)
        assert not {name for _, name, _ in one.attributes if name.startswith("on")}
        assert not {
            name for _, name, _ in one.attributes if name in {"src", "srcset", "action", "data", "poster"}
        }
        assert all(link.startswith("#") for link in one.values("href"))
        assert any(value.startswith("default-src 'none'") for value in one.values("content"))


def test_links_lead_somewhere_and_ids_are_unique(page: Page) -> None:
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in page.values("href")} <= set(ids)
    assert set(page.values("aria-labelledby")) <= set(ids)


def test_style_fetches_nothing(run_folder: Path, page: Page) -> None:
    style = (run_folder / "report.html").read_text("utf-8").partition("<style>")[2].partition("</style>")[0]
    assert "prefers-color-scheme: dark" in style
    assert "url(" not in style
    assert "@import" not in style


def test_hostile_text_is_shown_and_never_obeyed(hostile_page: Page) -> None:
    assert hostile_page.text.count("<script>alert('x')</script>") > 20
    assert "</style><img src=x onerror=alert(2)>" in hostile_page.text
    assert "\u202e" not in hostile_page.text
    assert "\x00" not in hostile_page.text


def test_hostile_text_is_no_markup_in_markdown(hostile_folder: Path) -> None:
    from markdown_it import MarkdownIt

    write_report(hostile_folder)
    text = (hostile_folder / "report.md").read_text("utf-8")
    html = MarkdownIt("commonmark").enable("table").render(text)
    rendered = Page(html)
    assert rendered.text.count("<script>alert('x')</script>") > 10
    assert set(rendered.tags) <= {
        "h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "ul", "li",
        "strong",
    }  # fmt: skip


def test_markdown_begins_with_outcome_and_verdicts(run_folder: Path, page: Page) -> None:
    lines = (run_folder / "report.md").read_text("utf-8").splitlines()
    assert lines[2].startswith("20 claims judged: 13 supported")
    titles = [line for line in lines if line.startswith("## ")]
    assert [title.removeprefix("## ") for title in titles] == [
        "Verdicts", "Metrics", "Problems", "Changes since the baseline", "Skipped", "Published results",
        "Environment",
    ]  # fmt: skip
    assert sum("| ● supported |" in line or "| ○ inconclusive |" in line for line in lines) == 18


def test_metrics_csv_has_a_row_per_cell_and_metric(run_folder: Path, page: Page) -> None:
    table = pd.read_csv(run_folder / "metrics.csv", keep_default_na=False)
    assert table["cell"].nunique() == 6
    assert not table.duplicated(["cell", "metric", "label"]).any()
    accuracy = table[(table["cell"] == "fer2013:private/none/resnet50") & (table["metric"] == "accuracy")]
    predictions = read_run(run_folder).predictions["fer2013:private/none/resnet50"]
    assert float(accuracy["value"].item()) == pytest.approx((predictions.gold == predictions.answers).mean())
    assert float(accuracy["low"].item()) < float(accuracy["value"].item()) < float(accuracy["high"].item())


def test_no_spreadsheet_computes_a_name_in_metrics_csv(new_run: NewRun, small_cells: Cells) -> None:
    one = next(iter(small_cells.values()))
    hostile = replace(one, cell=replace(one.cell, model="=HYPERLINK(A1)", prompt="-1+1"))
    run = new_run("run", {str(hostile.cell): hostile}, [])
    write_report(run)
    table = pd.read_csv(run / "metrics.csv")
    assert set(table["model"]) == {"'=HYPERLINK(A1)"}
    assert set(table["prompt"]) == {"'-1+1"}


def test_a_card_that_was_checked_is_named(new_run: NewRun, small_cells: Cells) -> None:
    one = next(iter(small_cells.values()))
    said = "answers as its card records: 2,110 of 3,589 right"
    run = new_run("run", {str(one.cell): replace(one, card=said)}, [])
    page = Page(write_report(run).read_text("utf-8"))
    assert page.text.count(f"The model {said}.") == 1
    assert f"- {one.cell} {said}" in (run / "report.md").read_text("utf-8")
    assert read_run(run).predictions[str(one.cell)].card == said


def test_what_ends_in_a_command_is_not_cut_off(new_run: NewRun) -> None:
    command = "hf download laion/CLIP-ViT-L-14"
    folders = ", ".join(f"/data/folder/number/{i}" for i in range(60))
    told = f"Model clip is in none of {folders}. Fetch it: {command}"
    run = new_run("run", {}, [], skipped=[{"what": "clip", "reason": told}], problems=[told])
    page = Page(write_report(run).read_text("utf-8"))
    assert page.text.count(command) == 2
    assert (run / "report.md").read_text("utf-8").count(command) == 2


def test_writing_again_changes_nothing(new_run: NewRun, small_cells: Cells, claims: list[Any]) -> None:
    run = new_run("run", small_cells, claims)
    names = ("metrics.csv", "report.md", "report.html")
    first = [write_report(run), *((run / name).read_bytes() for name in names)]
    assert [write_report(run), *((run / name).read_bytes() for name in names)] == first


def test_sizes_stay_within_bounds_at_thirty_cells_and_thousands_of_claims(
    new_run: NewRun, small_cells: Cells, claim: Callable[..., Any]
) -> None:
    one = next(iter(small_cells.values()))
    cells = [replace(one, cell=replace(one.cell, model=f"model-{i}")) for i in range(30)]
    claims = [claim(f"cell-{i}", "supported", 0.1, reason="憂" * 2_000) for i in range(600)]
    run = new_run("big", {str(p.cell): p for p in cells}, claims)
    assert write_report(run).stat().st_size < 5_000_000
    text = (run / "report.md").read_text("utf-8")
    assert len(text.encode()) <= SIZE_LIMIT
    assert "300 more are in report.html." in text
    assert "## Environment" in text


def test_markdown_is_cut_rather_than_too_large(new_run: NewRun, claim: Callable[..., Any]) -> None:
    claims = [claim("憂" * 300, "supported", 0.1, notes=["憂" * 500] * 9) for _ in range(300)]
    run = new_run("big", {}, claims)
    write_report(run)
    text = (run / "report.md").read_text("utf-8")
    assert SIZE_LIMIT * 0.9 < len(text.encode()) <= SIZE_LIMIT
    assert text.count("<details>") == text.count("</details>") == 1
    assert text.endswith("report.html.\n")


def test_without_jinja2_markdown_is_written_and_the_fix_named(
    new_run: NewRun, small_cells: Cells, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = new_run("run", small_cells, [])
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert write_report(run) == run / "report.md"
    assert (run / "metrics.csv").exists()
    assert not (run / "report.html").exists()
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install 'emotion-harness[report]'" in line


def test_a_broken_cell_is_a_problem_not_the_end(new_run: NewRun, small_cells: Cells) -> None:
    run = new_run("run", small_cells, [])
    (run / "cells" / "0.parquet").write_bytes(b"PAR1 torn")
    page = Page(write_report(run).read_text("utf-8"))
    assert "0.parquet is not a predictions file" in page.text
    assert pd.read_csv(run / "metrics.csv")["cell"].nunique() == 5


def test_a_lost_baseline_is_a_problem_not_the_end(new_run: NewRun, small_cells: Cells) -> None:
    run = new_run("run", small_cells, [], baseline="gone")
    assert (
        "No comparison with the baseline: gone is not the folder of a run"
        in Page(write_report(run).read_text("utf-8")).text
    )


def test_cells_without_a_snapshot_stand_there_with_the_command_that_records_each(new_run: NewRun) -> None:
    command = "pytest 'evals/test_metrics.py::test_metrics[a:test/none/b]' --snapshot-update"
    run = new_run("run", {}, [], new_snapshots=[{"cell": "a:test/none/b", "command": command}])
    page = Page(write_report(run).read_text("utf-8"))
    assert command in page.text
    assert "## New snapshots" in (run / "report.md").read_text("utf-8")


def test_a_run_that_only_skipped_has_a_report(new_run: NewRun) -> None:
    run = new_run("run", {}, [])
    (run / "claims.json").unlink()
    page = Page(write_report(run).read_text("utf-8"))
    assert "No claim was judged; 2 skipped." in page.text
    assert list(pd.read_csv(run / "metrics.csv").columns)[:2] == ["cell", "model"]


def test_run_json_with_its_least_content_will_do(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    assert write_report(tmp_path) == tmp_path / "report.html"


@pytest.mark.parametrize("content", ["{", "[]", "\udcff"])
def test_a_broken_record_names_the_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=r"run\.json"):
        write_report(tmp_path)


def test_a_folder_that_is_no_run_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no run\.json"):
        write_report(tmp_path / "nowhere")


def test_cells_are_grouped_by_data_and_listed_as_the_run_lists_them(
    new_run: NewRun, small_cells: Cells
) -> None:
    two = list(small_cells.values())[:2]
    other = [replace(p, cell=replace(p.cell, split="test")) for p in two]
    cells = {str(p.cell): p for pair in zip(other, two, strict=True) for p in pair}
    run = new_run("run", cells, [])
    text = Page(write_report(run).read_text("utf-8")).text
    assert text.index("fer2013:test") < text.index("fer2013:private")
    listed = pd.read_csv(run / "metrics.csv")["cell"].drop_duplicates().tolist()
    assert listed == [cell["id"] for cell in json.loads((run / "run.json").read_text("utf-8"))["cells"]]


def test_a_reason_to_skip_is_given_once(new_run: NewRun) -> None:
    skipped = [{"what": f"cell-{i}", "reason": ("No key.", "No data.")[i % 2]} for i in range(6)]
    run = new_run("run", {}, [], skipped=skipped)
    page, summary = Page(write_report(run).read_text("utf-8")), (run / "report.md").read_text("utf-8")
    for text in (page.text, summary):
        assert text.count("No key.") == text.count("No data.") == 1
        assert all(item["what"] in text for item in skipped)


def test_published_results_with_findings_come_first(page: Page) -> None:
    published = page.text[page.text.index("what an audit of them found") :]
    assert published.index("efficientnet-b0 (GFPGAN)") < published.index("mean of six templates")
