"""Collecting the evals imports nothing heavy."""

import json

from project import entry, logging_model

HEAVY = {
    *("torch", "torchvision", "timm", "transformers", "open_clip", "gfpgan", "ray", "openai", "safetensors"),
    *("pandas", "pyarrow", "scipy", "sklearn", "statsmodels", "altair", "jinja2"),
}
LIST_MODULES = """
import json, sys
from pathlib import Path

def pytest_sessionfinish():
    Path("modules.json").write_text(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_collection_imports_no_heavy_library(make_project):
    project = make_project(
        entry("cnn", adapter="timm", checkpoint="cnn.safetensors"),
        entry("packaged", adapter="what_the_face"),
        entry("clip", adapter="open_clip", model="ViT-B-32", pretrained="openai"),
        entry("llava", adapter="transformers", model="llava-hf/llava-1.5-7b-hf"),
        entry("gpt", adapter="openai", model="gpt-4o"),
        logging_model("plugged-in"),
        conftest=LIST_MODULES,
    )
    outcome = project.pytest("evals", "--collect-only", "-q")
    assert outcome.status == 0, outcome
    assert "test_claims[cnn_beats_vlm/shapes:test/none/plain/cnn-vs-gpt]" in outcome.stdout
    imported = set(json.loads((project.root / "modules.json").read_text(encoding="utf-8")))
    assert {"harness", "numpy"} <= imported
    assert imported & HEAVY == set()
