"""The gallery's part of report.html: its data, and what the page allows itself."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gallery_runs import faces_of
from html_page import Page
from hypothesis import given
from hypothesis import strategies as st

from harness.predictions import Predictions
from harness.reporting import write_report
from harness.reporting.gallery import TEXT_BUDGET, embedded_json, gallery
from harness.reporting.html import render_html
from harness.reporting.metric_table import metric_table
from harness.reporting.text import plain
from harness.runs import keep_pictures, read_run

Cells = dict[str, Predictions]
NewRun = Callable[..., Path]


@pytest.fixture(scope="module")
def source(gallery_folder: Path) -> str:
    return write_report(gallery_folder).read_text("utf-8")


@pytest.fixture(scope="module")
def data(source: str) -> Any:
    return json.loads(source.partition('id="gallery-data">')[2].partition("</script>")[0])


def test_the_data_say_what_the_models_said(gallery_folder: Path, data: Any) -> None:
    run = read_run(gallery_folder)
    (shown,) = data["sources"]
    ids = [sample["id"] for sample in shown["samples"]]
    assert len(ids) == 60
    assert len(data["cells"]) == len(run.predictions)
    for cell, one in zip(data["cells"], run.predictions.values(), strict=True):
        rows = one.table.set_index("sample_id").loc[ids]
        said = [
            shown["labels"][code] if code >= 0 else data["outcomes"][str(code)] for code in cell["answers"]
        ]
        assert (
            said
            == rows["label"]
            .where(rows["outcome"] == "parsed", rows["outcome"].str.replace("_", " "))
            .tolist()
        )
        assert [shown["labels"][sample["gold"]] for sample in shown["samples"]] == rows["gold"].tolist()
        assert data["models"][cell["model"]] == one.cell.model
        if one.probabilities is None:
            assert cell["scores"] is None
        else:
            columns = [f"score_{label}" for label in one.space.labels]
            assert np.array(cell["scores"]) / 1000 == pytest.approx(rows[columns].to_numpy(), abs=6e-4)
        if cell["texts"] is not None:
            texts = [data["texts"][text] if text is not None else "" for text, _ in cell["texts"]]
            assert texts == [plain(text) for text in rows["raw_text"]]


def test_pictures_are_those_kept_and_the_page_says_how_large_they_are(
    gallery_folder: Path, data: Any, source: str
) -> None:
    kept = read_run(gallery_folder).pictures
    (shown,) = data["sources"]
    assert list(shown["pictures"]) == ["none", "gfpgan"]
    for restoration, images in shown["pictures"].items():
        for sample, uri in zip(shown["samples"], images, strict=True):
            head, _, body = uri.partition(",")
            assert head == "data:image/webp;base64"
            assert base64.b64decode(body) == kept["fer2013:private", restoration][sample["id"]]
    size = sum(len(image) for images in kept.values() for image in images.values())
    assert f"their pictures take {size / 1000:,.0f} kB" in Page(source).text


def test_the_page_allows_its_one_script_by_hash_and_pictures_inside_it(source: str) -> None:
    page = Page(source)
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", source, re.DOTALL)
    assert [attributes for attributes, _ in scripts] == [' type="application/json" id="gallery-data"', ""]
    digest = base64.b64encode(hashlib.sha256(scripts[1][1].encode()).digest()).decode()
    (policy,) = [content for content in page.values("content") if content.startswith("default-src")]
    assert set(policy.split("; ")) == {
        "default-src 'none'", "style-src 'unsafe-inline'", "base-uri 'none'", "form-action 'none'",
        "img-src data:", f"script-src 'sha256-{digest}'",
    }  # fmt: skip
    assert not {"img", "iframe", "link", "object", "embed", "form", "base"} & set(page.tags)
    assert not {name for _, name, _ in page.attributes if name.startswith("on") or name == "src"}


def test_a_script_writes_text_only(source: str) -> None:
    script = source.rpartition("<script>")[2]
    for sink in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "http",
    ):
        assert sink not in script


@given(st.recursive(st.text() | st.sampled_from(["</script>", "<!--", "\u2028&"]), st.lists))
def test_no_text_ends_the_element_that_holds_it(texts: Any) -> None:
    written = str(embedded_json(texts))
    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(written) == texts


def test_a_run_without_pictures_has_neither_gallery_nor_script(new_run: NewRun, small_cells: Cells) -> None:
    page = write_report(new_run("run", small_cells, [])).read_text("utf-8")
    assert "<script" not in page
    assert "script-src" not in page
    assert 'id="gallery"' not in page


def test_what_models_say_at_length_is_cut_to_the_budget(new_run: NewRun, small_cells: Cells) -> None:
    one = next(one for name, one in small_cells.items() if "llava" in name)
    said = [f"{i} " + "thinking " * 400 for i in range(len(one))]
    cells = {}
    for prompt in range(12):
        cell = replace(one.cell, prompt=f"p{prompt}")
        cells[str(cell)] = replace(
            one, cell=cell, table=one.table.assign(raw_text=[f"{prompt} {x}" for x in said])
        )
    run = new_run("run", cells, [])
    keep_pictures(run, cells, 100, faces_of(cells))
    found = gallery(read_run(run), dict.fromkeys(cells, "a"))
    assert found is not None
    assert TEXT_BUDGET / 4 < sum(map(len, found.data["texts"])) <= TEXT_BUDGET
    assert all(text.endswith("…") for text in found.data["texts"] if "thinking" in text)


def test_a_sample_that_a_prompt_leaves_out_has_no_answer_to_it(new_run: NewRun, small_cells: Cells) -> None:
    whole = next(iter(small_cells.values()))
    part = whole.subset(whole.gold < 2)
    part = replace(part, cell=replace(part.cell, prompt="two"))
    cells = {str(part.cell): part, str(whole.cell): whole}
    run = new_run("run", cells, [])
    keep_pictures(run, cells, 20, faces_of(cells))
    found = gallery(read_run(run), dict.fromkeys(cells, "a"))
    assert found is not None
    golds = [sample["gold"] for sample in found.data["sources"][0]["samples"]]
    assert golds == sorted(golds)
    (narrow,) = [
        cell["answers"] for cell in found.data["cells"] if found.data["prompts"][cell["prompt"]] == "two"
    ]
    assert [code == -1 for code in narrow] == [gold >= 2 for gold in golds]


def test_many_cells_stay_small_and_in_folds_of_their_models(new_run: NewRun, small_cells: Cells) -> None:
    one = next(iter(small_cells.values()))
    table = metric_table(one, replicates=50)
    cells = {}
    for i in range(60):
        cell = replace(one.cell, model=f"model-{i % 4}", prompt=f"prompt-{i}")
        cells[str(cell)] = replace(one, cell=cell)
    run = new_run("big", cells, [])
    keep_pictures(run, cells, 30, faces_of(cells))
    source = render_html(read_run(run), dict.fromkeys(cells, table), None, {})
    assert len(source) - len(source.partition('id="gallery-data">')[2]) < 60 * 11_000
    page = Page(source)
    folds = [value for tag, name, value in page.attributes if (tag, name) == ("details", "class")]
    assert folds.count("cell") == 60
    assert folds.count("fold") == 8  # of the metrics and of the details
    assert ("details", "open", "") not in page.attributes
    assert [link for link in page.values("href") if link.startswith("#model-")] == [
        f"#model-{i}" for i in range(1, 5)
    ]
