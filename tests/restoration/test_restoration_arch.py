"""GFPGAN's network comes without the rest of its package, and the package still imports afterwards."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tiny_restorers import NARROW, narrow_gfpgan

from harness.errors import Unavailable
from harness.restoration import gfpgan_arch

SCRIPT = """
import json, sys, warnings
warnings.simplefilter("error")
from harness.restoration.gfpgan_arch import architecture
network = architecture()
heavy = [name for name in ("cv2", "facexlib", "tensorboard", "lmdb", "skimage") if name in sys.modules]
left = [name for name in sys.modules if name.partition(".")[0] in ("gfpgan", "basicsr")]
warnings.simplefilter("ignore")
import gfpgan
architecture.cache_clear()
again = architecture()
print(json.dumps({
    "heavy": heavy, "left": left, "name": network.__name__, "whole": gfpgan.GFPGANv1Clean.__name__,
    "detector": gfpgan.GFPGANer.__name__, "again": again.__name__, "kept": sys.modules["gfpgan"] is gfpgan,
}))
"""


@pytest.fixture(scope="module")
def found():
    """What a process of its own finds: gfpgan, with the torchvision that is installed."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_network_comes_without_detector_and_video(found):
    assert found["name"] == "GFPGANv1Clean"
    assert found["heavy"] == []
    assert found["left"] == []


def test_the_whole_package_imports_with_current_torchvision(found):
    assert (found["whole"], found["detector"]) == ("GFPGANv1Clean", "GFPGANer")
    assert found["kept"]
    assert found["again"] == "GFPGANv1Clean"


def without(monkeypatch, *absent):
    """As on a machine where these packages are not installed."""
    found = gfpgan_arch.find_spec
    monkeypatch.setattr(gfpgan_arch, "find_spec", lambda name: None if name in absent else found(name))
    monkeypatch.setattr("harness.models.network.find_spec", gfpgan_arch.find_spec)
    gfpgan_arch.architecture.cache_clear()


def test_spandrel_has_the_same_network_where_gfpgan_cannot_be_installed(monkeypatch):
    torch = pytest.importorskip("torch")
    pytest.importorskip("spandrel")
    ours = narrow_gfpgan()
    without(monkeypatch, "gfpgan", "basicsr")
    theirs = gfpgan_arch.architecture()
    gfpgan_arch.architecture.cache_clear()
    assert theirs.__module__.startswith("spandrel.")
    other = theirs(**NARROW).eval()
    other.load_state_dict(ours.state_dict())
    batch = torch.rand(2, 3, 32, 32) * 2 - 1
    with torch.inference_mode():
        one, same = (net(batch, return_rgb=False, randomize_noise=False)[0] for net in (ours, other))
    assert torch.equal(one, same)


def test_a_machine_without_both_is_told_what_to_install(monkeypatch):
    without(monkeypatch, "gfpgan", "spandrel")
    with pytest.raises(Unavailable, match=r"gfpgan is not installed\. Install with: pip .*\[restoration\]"):
        gfpgan_arch.architecture()
