"""LoRA adapters: a few matrices on top of a model, in the folder that peft saves them in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.errors import ModelError, Unavailable
from harness.models.base import Context
from harness.tools.digests import file_digest

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@dataclass(frozen=True)
class Lora:
    """The adapter in a folder.

    Attributes:
        folder: holds `adapter_config.json` and `adapter_model.safetensors`.
    """

    folder: Path

    @property
    def digest(self) -> str:
        """Digest of its two files."""
        parts = [file_digest(self.folder / name) for name in (CONFIG, WEIGHTS)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def onto(self, model: Any) -> Any:
        """The model with the adapter merged into its weights, so that it answers as fast as without.

        Raises:
            ModelError: the adapter is of another model.
        """
        from peft import PeftModel

        try:
            return PeftModel.from_pretrained(model, str(self.folder)).merge_and_unload().eval()
        except Exception as error:  # whatever peft raises for weights that do not fit
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            raise ModelError(
                f"The adapter in {self.folder} does not go onto its model ({reason}). Name the model that it "
                "was trained on."
            ) from error


def find_lora(path: str, context: Context) -> Lora:
    """The adapter of an entry, looked for where its model is.

    Raises:
        Unavailable: peft or a file of the adapter is absent.
    """
    if find_spec("peft") is None:
        raise Unavailable(
            "Package peft, which loads adapter_weights, is not installed. Install with: pip install peft"
        )
    for folder in context.folders:
        if all((folder / path / name).is_file() for name in (CONFIG, WEIGHTS)):
            return Lora((folder / path).resolve())
    raise Unavailable(
        f"No folder {path} with {CONFIG} and {WEIGHTS} is in {', '.join(map(str, context.folders))}. Save "
        "the adapter there."
    )
