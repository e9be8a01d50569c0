"""spandrel's GFPGAN is that of the authors' package: to the bit, on the same weights."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(find_spec("gfpgan") is None, reason="gfpgan does not install on Python 3.13")

SPECIMEN = Path(__file__).parents[2] / "fixtures/specimens/checkpoints/gfpgan/gfpgan.safetensors"
# A process of its own, as gfpgan wants a module that torchvision has no more.
SCRIPT = """
import json, sys
from pathlib import Path
from types import ModuleType
import torch
from safetensors.torch import load_file
from spandrel.architectures.GFPGAN import GFPGAN
from torchvision.transforms.functional import rgb_to_grayscale
from harness.restoration.gfpgan import RELEASED

removed = ModuleType("torchvision.transforms.functional_tensor")
removed.rgb_to_grayscale = rgb_to_grayscale
sys.modules[removed.__name__] = removed
from gfpgan.archs.gfpganv1_clean_arch import GFPGANv1Clean

torch.manual_seed(0)
if weights := sys.argv[1:]:
    tensors = {name: value.float() for name, value in load_file(weights[0]).items()}
    card = json.loads(Path(weights[0]).with_suffix(".json").read_text())
    options = {name: card[name] for name in RELEASED}
else:
    options = RELEASED
    tensors = GFPGANv1Clean(**options).state_dict()
    for name, value in tensors.items():
        if value.numel() == 1 and name.endswith("weight"):
            value.fill_(0.5)  # how much noise each layer adds; 0 when untrained

faces = torch.rand(1, 3, options["out_size"], options["out_size"]) * 2 - 1
pictures = []
for architecture in (GFPGANv1Clean, GFPGAN):
    with torch.device("meta"):
        network = architecture(**options)
    network.load_state_dict(tensors, assign=True)
    with torch.inference_mode():
        pictures.append(network.eval()(faces, return_rgb=False, randomize_noise=False)[0])
ours, theirs = pictures
print(json.dumps({"apart": float((ours - theirs).abs().max()), "contrast": float(theirs.std())}))
"""


@pytest.mark.parametrize("weights", [[], [str(SPECIMEN)]], ids=["released size", "specimen"])
def test_the_networks_give_the_same_picture(weights):
    command = [sys.executable, "-c", SCRIPT, *weights]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["apart"] == 0
    assert found["contrast"] > 0.01  # of a picture, not of a grey area
