"""What was computed from answers, kept by the content of all that it was computed from.

A verdict takes a bootstrap, a metric table takes ten. Neither is computed again for the same answers, by
whichever process, in whichever run: its name is the digest of its inputs, of the code of this package and of
the packages that move numbers. Nothing has to be invalidated, and what is damaged is computed again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.identity import package_versions
from harness.tasks import task_as_dict
from harness.tools.atomic import write_atomically
from harness.tools.sealed import regular, sealed, unsealed

if TYPE_CHECKING:
    from harness.predictions.table import Predictions

FOLDER = "results"
PACKAGES = ("numpy", "pandas", "scipy", "scikit-learn", "statsmodels")


class Results:
    """Remembers results in a folder of the store.

    Args:
        store: root of the store; where it cannot be written, everything is computed.
    """

    def __init__(self, store: Path) -> None:
        self._folder = store / FOLDER

    def remember(self, inputs: Mapping[str, Any], compute: Callable[[], Any]) -> Any:
        """A result as JSON gives it back: the same whether it was computed or kept.

        Args:
            inputs: name -> all that the result depends on: JSON values, arrays, `digest_of` of predictions.
            compute: makes the result, of JSON values. What it raises is not kept.
        """
        name = _digest({"code": code_version(), **inputs})
        path = self._folder / name[:2] / f"{name}.json"
        with suppress(OSError):
            if (kept := unsealed(regular(path).read_bytes())) is not None:
                return json.loads(kept)
        body = json.dumps(compute()).encode()
        with suppress(OSError):
            write_atomically(path, lambda file: file.write(sealed(body)))
        return json.loads(body)


def digest_of(predictions: Predictions) -> str:
    """Digest of everything that can be computed from: the rows, and what is known about them."""
    from pandas.util import hash_pandas_object

    table = predictions.table
    about = {
        "cell": asdict(predictions.cell),
        "task": task_as_dict(predictions.task),
        "prompt": predictions.prompt and asdict(predictions.prompt),
        "repeatable": predictions.repeatable,
        "marginals": predictions.marginals,
        "content_free": predictions.content_free,
    }
    columns = {name: hash_pandas_object(table[name], index=False).to_numpy() for name in table}
    types = {name: str(table[name].dtype) for name in table}
    return _digest({**about, "columns": columns, "types": types})


@lru_cache(maxsize=1)
def code_version() -> str:
    """Digest of all code and data of this package, and of the versions of what it computes with."""
    root = Path(__file__).parent.parent
    files = sorted(path for path in root.rglob("*") if path.suffix in (".py", ".toml"))
    sources = {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return _digest({"sources": sources, "packages": package_versions(*PACKAGES)})


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=_plain).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """What stands in a key for an array."""
    if not isinstance(value, np.ndarray) or value.dtype.hasobject:
        raise TypeError(f"{type(value).__name__} has no place in the key of a result")
    body = np.ascontiguousarray(value)
    return [str(value.dtype), value.shape, hashlib.sha256(body.tobytes()).hexdigest()]
