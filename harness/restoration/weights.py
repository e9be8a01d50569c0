"""Files with the weights of restorers: where they are, whether they are the right ones, what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import ModelError, Unavailable
from harness.models.base import Context
from harness.models.weights import check_for_code
from harness.tools.digests import file_digest

# Beside the data root and inside it, after the places where models are looked for.
FOLDERS = ("restorations", "weights")
# sha256 of official releases; a download that was cut off or swapped is noticed without further ado.
OFFICIAL = {
    "GFPGANv1.3.pth": "c953a88f2727c85c3d9ae72e2bd4846bbaf59fe6972ad94130e23e7017524a70",
    "GFPGANv1.4.pth": "e2cd4703ab14f4d01fd1383a8a8b266f9a5833dacee8e6a79d3bf21a1b6be5ad",
}


def find_weights(name: str, context: Context) -> Path:
    """Finds a file of weights as models find theirs, and in `restorations/` or `weights/`.

    Raises:
        Unavailable: it is nowhere; the message says where it was looked for.
    """
    root = context.data_root
    folders = [*context.folders, *(above / folder for above in (root, root.parent) for folder in FOLDERS)]
    for folder in folders:
        if (folder / name).is_file():
            return (folder / name).resolve()
    raise Unavailable(
        f"{name} is not in {', '.join(map(str, folders))}. Download it from its authors "
        "(GFPGAN: github.com/TencentARC/GFPGAN/releases) and put it in one of them."
    )


def checked_digest(path: Path, sha256: str) -> str:
    """The digest of a file; it must be `sha256` where that is given, else the official one of its name.

    Raises:
        ModelError: it is another.
    """
    found, expected = file_digest(path), sha256.lower() or OFFICIAL.get(path.name, "")
    if expected and found != expected:
        raise ModelError(
            f"The weights {path} have the sha256 {found}, not {expected}. Download them again, or correct "
            "sha256 in the suite."
        )
    return found


def read_weights(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    """The tensors of a `.safetensors` file or of a checkpoint of torch, which runs no code.

    Args:
        path: the file.
        keys: where a checkpoint keeps the tensors; the first that is there counts.

    Raises:
        ModelError: the file is corrupt or holds something else.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise ModelError(f"The weights {path} are corrupt ({error}). Fetch or train them again.") from error
    except MemoryError:
        raise
    except Exception as error:  # the unpickler raises EOFError, KeyError, UnpicklingError, ...
        check_for_code(path, error)
        reason = str(error).partition("\n")[0][:200]
        raise ModelError(
            f"The weights {path} do not load ({type(error).__name__}: {reason}). Download them again."
        ) from error
    if isinstance(found, dict):
        inner = next((found[key] for key in keys if isinstance(found.get(key), dict)), found)
        if inner and all(isinstance(value, torch.Tensor) for value in inner.values()):
            return inner
    raise ModelError(
        f"The weights {path} hold no tensors under {' or '.join(keys)}. Name the checkpoint of a restorer."
    )


def first_misfit(error: RuntimeError) -> str:
    """What torch found first when weights did not fit a network."""
    lines = str(error).splitlines()
    return lines[min(1, len(lines) - 1)].strip()[:200]
