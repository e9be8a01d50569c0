"""What open_clip knows of architectures and pretrained tags, read without importing it.

Importing open_clip imports torch (3 s), which `harness doctor` and pytest's collection must not. Its
architectures are JSON files; its tags are a literal in a module whose imports are left out here.
"""

from __future__ import annotations
import __future__

import ast
import copy
import json
import runpy
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.errors import Unavailable, UsageError
from harness.tools.slow_paths import note

Table = Mapping[str, Mapping[str, Mapping[str, Any]]]


def architecture(name: str) -> dict[str, Any]:
    """The configuration of a built-in architecture.

    Args:
        name: as open_clip spells it, such as `ViT-B-32`; `/` may stand for `-`.

    Raises:
        UsageError: open_clip has no such architecture.
    """
    path = _folder() / "model_configs" / f"{_clean(name)}.json"
    if not path.is_file():
        raise UsageError(
            f"Model {name} is neither a folder nor an architecture of open_clip. "
            "Use one that open_clip.list_models() names."
        )
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return config


def tag(name: str, pretrained: str) -> Mapping[str, Any]:
    """What open_clip says of a pretrained tag: `hf_hub`, `mean`, `std`, `interpolation`, `quick_gelu`, ...

    Args:
        name: a built-in architecture.
        pretrained: one of its tags.

    Raises:
        UsageError: the architecture has no such tag.
    """
    tags = table().get(_clean(name), {})
    key = pretrained.lower().replace("-", "_")
    if key not in tags:
        known = f"Use one of {', '.join(tags)}" if tags else "It has none; name a folder as the model"
        raise UsageError(f"Architecture {name} of open_clip has no pretrained tag {pretrained!r}. {known}.")
    return tags[key]


@lru_cache(maxsize=1)
def table() -> Table:
    """Architecture -> tag -> what open_clip says of it."""
    try:
        return _read(_folder())
    except Exception as error:  # open_clip has been rewritten: slow, but right
        note(
            "open_clip",
            "a table read without importing it",
            "error",
            f"{type(error).__name__}: {error}",
            error,
        )
        result: Table = import_module("open_clip.pretrained")._PRETRAINED
        return result


def _read(folder: Path) -> Table:
    """The table as open_clip's module builds it, without what the module imports."""
    module = ast.parse((folder / "pretrained.py").read_text(encoding="utf-8"))
    imports = (ast.Import, ast.ImportFrom, ast.Try)
    module.body = [node for node in module.body if not isinstance(node, imports)]
    names = {"copy": copy, **runpy.run_path(str(folder / "constants.py"))}
    code = compile(
        module, "open_clip/pretrained.py", "exec", __future__.annotations.compiler_flag, dont_inherit=True
    )
    exec(code, names)
    result: Table = names["_PRETRAINED"]
    return result


def _folder() -> Path:
    spec = find_spec("open_clip")
    if spec is None or spec.origin is None:
        raise Unavailable(
            "Package open_clip is not installed. Install with: pip install 'emotion-harness[vlm]'"
        )
    return Path(spec.origin).parent


def _clean(name: str) -> str:
    return name.replace("/", "-")
