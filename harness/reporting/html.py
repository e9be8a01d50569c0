"""report.html: one file with everything in it, nothing fetched.

Autoescape is on, and the page forbids itself requests and all scripts but the gallery's, which it names by
its hash (Content-Security-Policy), so that no label, file name or answer can do more than be read.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from harness.errors import Unavailable
from harness.reporting.baseline import Comparison
from harness.reporting.cell_view import cell_view
from harness.reporting.charts import UNIT
from harness.reporting.environment import environment_facts, packages, restoration_costs
from harness.reporting.gallery import embedded_json, gallery
from harness.reporting.groups import families, model_groups, sources, span
from harness.reporting.leanings import neutral_axis, neutral_charts, order_axis, order_charts
from harness.reporting.text import MESSAGE, count, number, plain
from harness.reporting.verdicts import MARKS, headline, verdict_rows
from harness.runs import Run

TEMPLATES = Path(__file__).parent / "templates"

if TYPE_CHECKING:
    from markupsafe import Markup


def render_html(
    run: Run, tables: Mapping[str, pd.DataFrame], comparison: Comparison | None, headings: Mapping[str, str]
) -> str:
    """The report of `run` as one HTML page.

    Args:
        run: The run.
        tables: Cell id to its `metric_table`.
        comparison: What changed since the baseline, when the run has one.
        headings: What to call the metrics that are shown.

    Raises:
        Unavailable: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError as error:
        raise Unavailable(
            "report.html needs jinja2, which is not installed. Run: pip install 'emotion-harness[report]'."
        ) from error
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "plain": plain,
        "message": partial(plain, limit=MESSAGE),
        "count": count,
        "typeset": typeset,
        "number": number,
        "breakable": breakable,
        "embedded_json": embedded_json,
    }
    kinds = {str(cell["id"]): str(cell.get("kind") or "") for cell in run.record.get("cells") or ()}
    views = [
        cell_view(predictions, tables[cell], headings, anchor=f"cell-{i}", kind=kinds.get(cell, ""))
        for i, (cell, predictions) in enumerate(run.predictions.items(), start=1)
    ]
    rows, every = verdict_rows(run.claims), [one for one in run.predictions.values() if one.task.space]
    alpha, seed = float(run.record.get("alpha") or 0.05), int(run.record.get("seed") or 0)
    orders = order_charts(every, alpha=alpha, seed=seed)
    neutral = neutral_charts(every, alpha=alpha, seed=seed)
    script = (TEMPLATES / "gallery.js").read_text("utf-8")
    return environment.get_template("report.html").render(
        run=run,
        headline=headline(run.claims, len(run.skipped)),
        surprises=[row for row in rows if not row.as_expected],
        families=families(rows),
        marks=MARKS,
        sources=sources(views),
        views=views,
        groups=model_groups(views),
        order_charts=orders,
        order_axis=order_axis(orders),
        neutral_charts=neutral,
        neutral_axis=neutral_axis(neutral),
        gallery=gallery(run, {name: view.anchor for name, view in zip(run.predictions, views, strict=True)}),
        script=Markup(script),
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        costs=restoration_costs(run.record),
        accuracies=lambda some: span(view.figures["accuracy", None] for view in some),
        span=span,
        unit=UNIT,
        comparison=comparison,
        facts=environment_facts(run.record),
        packages=packages(run.record),
        level=f"{100 * (1 - alpha):g}\N{NO-BREAK SPACE}%",
    )


def typeset(text: str) -> str:
    """Numbers with a true minus sign.

    >>> typeset("-0.052 [-0.073, -0.031] of clip-vit-b-32")
    '−0.052 [−0.073, −0.031] of clip-vit-b-32'
    """
    return re.sub(r"(?<![\w)])-(?=[\d.])", "−", text)


def breakable(text: str) -> Markup:
    """Escaped text that may break after the separators of a cell's name.

    >>> breakable("fer2013:private/none/<b>@paper")
    Markup('fer2013:<wbr>private/<wbr>none/<wbr>&lt;b&gt;@<wbr>paper')
    """
    from markupsafe import Markup

    return Markup("<wbr>").join(re.split(r"(?<=[/:_@])", text))
