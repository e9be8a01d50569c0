"""GFPGAN's network from the package gfpgan, without the rest of that package.

`import gfpgan` wants a torchvision module that was removed in 0.17, and loads OpenCV, a face detector and
900 modules more. The network itself needs three small files; they are imported here on their own. Where it
cannot be installed (basicsr, which it needs, does not build on Python 3.13), spandrel has the same class.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import Unavailable
from harness.models.network import require

# Packages whose `__init__` imports far more than the network needs, and what their modules ask of it.
BARE = ("basicsr", "basicsr.archs", "basicsr.ops", "basicsr.utils", "gfpgan", "gfpgan.archs")
PACKAGES = ("gfpgan", "basicsr")
REMOVED_MODULE = "torchvision.transforms.functional_tensor"


@lru_cache(maxsize=1)
def architecture() -> Any:
    """The class `GFPGANv1Clean`, an `nn.Module` (GFP-GAN, arXiv 2101.04061; `clean` has no CUDA extensions).

    Its `forward(x, randomize_noise=False)` takes (N, 3, S, S) in [-1, 1] and gives a pair: the image in
    the same form, and the intermediate images.

    Raises:
        Unavailable: torch, torchvision or gfpgan is not installed, or does not import.
    """
    require_packages()
    if not all(map(find_spec, PACKAGES)):
        from spandrel.architectures.GFPGAN import GFPGAN

        return GFPGAN
    provide_removed_module()
    try:
        # distutils, which the files still use, warns that it is going.
        with warnings.catch_warnings(), _bare_packages():
            warnings.simplefilter("ignore", DeprecationWarning)
            return import_module("gfpgan.archs.gfpganv1_clean_arch").GFPGANv1Clean
    except ImportError as error:
        raise Unavailable(
            f"Package gfpgan is installed but does not import ({error}). Install with: "
            "pip install --upgrade 'emotion-harness[restoration]' setuptools"
        ) from error


def require_packages() -> None:
    """Checks that the network can be had, without importing anything.

    Raises:
        Unavailable: a package is not installed; the message gives the install command.
    """
    require("torch", "torchvision", "safetensors", extra="restoration")
    if find_spec("spandrel") is None:
        require(*PACKAGES, extra="restoration")


def provide_removed_module() -> None:
    """Gives torchvision its `transforms.functional_tensor` back, so that `import gfpgan` works later on."""
    if REMOVED_MODULE not in sys.modules and find_spec(REMOVED_MODULE) is None:
        from torchvision.transforms.functional import rgb_to_grayscale

        module = ModuleType(REMOVED_MODULE, "What is left of it: all that basicsr asks for.")
        vars(module)["rgb_to_grayscale"] = rgb_to_grayscale
        sys.modules[REMOVED_MODULE] = module


@contextmanager
def _bare_packages() -> Iterator[None]:
    """Inside, modules of gfpgan and basicsr are imported without what their packages import.

    Afterwards none of them is left behind, so that a later `import gfpgan` gets the packages as they are.
    """
    roots = {name.partition(".")[0] for name in BARE}
    folders = {root: _folder(root) for root in roots}
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in roots}
    for name in before:
        del sys.modules[name]
    try:
        for name in BARE:
            root, *inner = name.split(".")
            sys.modules[name] = package = ModuleType(name)
            package.__path__ = [str(folders[root].joinpath(*inner))]
        vars(sys.modules["basicsr.utils"])["get_root_logger"] = logging.getLogger
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] in roots]:
            del sys.modules[name]
        sys.modules.update(before)


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(f"{package} has no files")
    return Path(spec.origin).parent
