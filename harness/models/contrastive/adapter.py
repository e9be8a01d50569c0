"""CLIP, SigLIP and their relatives, through open_clip."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from harness.identity import Identity, package_versions, source_version
from harness.models import ahead, resize, trie
from harness.models.base import Context, Kind
from harness.models.contrastive import loading, network, pixels, source, zero_shot
from harness.models.contrastive.network import LoadedClip
from harness.models.contrastive.source import Source, find_source
from harness.models.hub import reading_digest
from harness.models.network import require


class OpenClipModel:
    """A contrastive model of open_clip.

    Three kinds of entries:

    * `model = "ViT-B-32"`, `pretrained = "openai"`: an architecture and one of its tags. Activation and
      preprocessing are the tag's. The weights must be in the Hugging Face cache.
    * `model = "ViT-B-32"`, `pretrained = "tuned.safetensors"`, `like = "openai"`: an architecture with
      weights of a file, trained from those of a tag.
    * `model = "tuned-clip"`: a folder, or `owner/name` in the Hugging Face cache, with weights and the
      `open_clip_config.json` that open_clip saves beside them.

    Args:
        context: where folders and files are looked for.
        model: see above.
        pretrained: see above.
        like: see above.
        revision: branch, tag or commit of the repository on the hub.
        sweep: False to read every caption whole, for a model where reading what they share once is broken.

    Raises:
        Unavailable: the weights, the tokenizer or a package are absent.
        UsageError: open_clip has no such architecture or tag, or the options contradict each other.
        ModelError: the folder is incomplete or its configuration corrupt.
    """

    kind: Kind = "contrastive"
    labels: tuple[str, ...] = ()
    trained_on: str | None = None
    correct: Mapping[str, tuple[int, int]] = MappingProxyType({})

    def __init__(
        self,
        *,
        context: Context,
        model: str,
        pretrained: str | None = None,
        like: str | None = None,
        revision: str | None = None,
        sweep: bool = True,
    ) -> None:
        self.sweep = sweep
        require("open_clip", "torch", "safetensors", extra="vlm")
        self._find = partial(find_source, context, model, pretrained, like, revision)
        self.source: Source = self._find()
        if self.source.tokenizer or self.source.text_tower:
            require("transformers", extra="vlm")

    def identity(self, device: str, dtype: str) -> Identity:
        """See `RunnableModel.identity`. The configuration is read again, as loading does."""
        about = self._find()
        packages = ["torch", "torchvision", "open_clip_torch", "numpy", "pillow"]
        if "timm_model_name" in about.config.get("vision_cfg", {}):
            packages.append("timm")
        if about.tokenizer or about.text_tower:
            packages += ["transformers", "tokenizers"]
        return Identity(
            model=f"open_clip:{about.label}" if about.label else "open_clip",
            weights=about.weights.digest,
            revision=about.weights.revision,
            adapter=source_version(
                sys.modules[__name__], ahead, loading, network, pixels, resize, source, trie, zero_shot
            ),
            processor={
                **about.preprocessing,
                "network": about.config,
                "quick_gelu": about.quick_gelu,
                "sweep": self.sweep,
                "tokenizer": reading_digest(about.tokenizer.folder) if about.tokenizer else "",
                "text_tower": about.text_tower.digest if about.text_tower else "",
            },
            dtype=dtype,
            device=device.partition(":")[0],
            packages=package_versions(*packages),
        )

    def load(self, device: str, dtype: str) -> LoadedClip:
        """Builds the network and loads its weights; never downloads.

        Raises:
            ModelError: the configuration cannot be built, or the weights are corrupt or do not fit it.
            UsageError: the device is absent or the dtype unknown.
        """
        return loading.load(self.source, device, dtype, sweep=self.sweep)
