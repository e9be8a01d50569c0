"""Local vision-language models of transformers: LLaVA, LLaVA-NeXT, Qwen2.5-VL, SmolVLM, Gemma 3, InternVL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from harness.errors import UsageError
from harness.identity import Identity, package_versions
from harness.models.base import Capability, Context
from harness.models.generative.chat import Chat
from harness.models.generative.checkpoint import architecture, load_model, load_processor
from harness.models.generative.lora import find_lora
from harness.models.generative.respondent import LoadedVlm
from harness.models.hub import locate, reading_digest
from harness.models.network import require
from harness.prompts.question import Question

# Raised whenever the same input comes out different; tests/golden holds outputs against it.
VERSION = 1
# How many of these are read at once, the memory decides. On an H200 a sweep of LLaVA-1.5-7B costs 1.78 plain
# forward passes an image by batches of 8, 1.64 by 32 and 1.67 by 64.
BATCH_SIZE = 32
_COMMIT = re.compile(r"[0-9a-f]{40}")


class TransformersModel:
    """A vision-language model whose files lie on this disk.

    Args:
        context: where a folder is looked for.
        model: a folder with weights and processor, or the id of a repository in the Hugging Face cache.
        revision: branch, tag or commit of the repository.
        quantisation: "nf4" for 4-bit weights (needs bitsandbytes and a GPU), "" for none.
        attention: attention backend, such as `sdpa` or `eager`; None for the architecture's default.
            Those that take no mask of their own (`flash_attention_2`) read every prompt anew.
        trust_remote_code: run the code that comes with the model. Only with a commit as `revision`.
        adapter_weights: a folder with a LoRA adapter on top of the model (needs peft), or None.
        batch_size: most images at a time, whatever --batch-size says.
        sweep: False to read every prompt anew, for a model whose sweep is broken.

    Raises:
        Unavailable: the files or a package are absent.
        ModelError: the folder holds no model.
        UsageError: an option is wrong.
    """

    capability: Capability = "generative"
    labels: tuple[str, ...] = ()
    trained_on: str | None = None
    modes: tuple[str, ...] = ("generate", "score")
    deterministic = True

    def __init__(
        self,
        *,
        context: Context,
        model: str,
        revision: str | None = None,
        quantisation: str = "",
        attention: str | None = None,
        trust_remote_code: bool = False,
        adapter_weights: str | None = None,
        batch_size: int = BATCH_SIZE,
        sweep: bool = True,
    ) -> None:
        if type(batch_size) is not int or batch_size < 1:
            raise UsageError(f"Expected batch_size of model {model} to be 1 or more, but got {batch_size!r}.")
        if quantisation not in ("", "nf4"):
            raise UsageError(f"Expected quantisation to be nf4 or empty, but got {quantisation!r}.")
        if trust_remote_code and not _COMMIT.fullmatch(revision or ""):
            raise UsageError(
                f"Model {model} asks to run its own code, but its revision is not pinned. "
                "Set revision to the 40 digits of a commit that you have read."
            )
        require("torch", "transformers", *(["bitsandbytes"] if quantisation else []), extra="vlm")
        self.lora = None if adapter_weights is None else find_lora(adapter_weights, context)
        self.correct: Mapping[str, tuple[int, int]] = {}
        self.name = model
        self.batch_size = batch_size
        self.sweep = sweep
        self.quantisation = quantisation
        self.attention = attention
        self.trust_remote_code = trust_remote_code
        self.snapshot = locate(model, context, revision)
        self.architecture, named = architecture(self.snapshot.folder)
        if named:  # transformers takes these, whatever else lies there
            self.snapshot = locate(model, context, revision, weights=[named])
        self._chat = lru_cache(maxsize=1)(self._load_chat)

    def identity(self, device: str, dtype: str) -> Identity:
        """See `RunnableModel.identity`. What is asked, and how it is decoded, the runner adds."""
        return Identity(
            model=f"transformers:{self.architecture}",
            weights="+".join([self.snapshot.digest, *([self.lora.digest] if self.lora else [])]),
            adapter=str(VERSION),
            revision=self.snapshot.revision,
            processor={"files": self._reading, "sweep": self.sweep},
            dtype=dtype,
            quantisation=self.quantisation,
            attention=self.attention or "",
            device=device.partition(":")[0],
            packages=package_versions(
                "torch",
                "torchvision",
                "transformers",
                "tokenizers",
                "pillow",
                "numpy",
                *(["bitsandbytes"] if self.quantisation else []),
                *(["peft"] if self.lora else []),
            ),
        )

    def template(self) -> str:
        """Digest of the processor's files, the chat template among them, and of what applies them."""
        versions = package_versions("transformers", "tokenizers", "jinja2")
        return "/".join([self._reading, str(VERSION), *(f"{n}-{v}" for n, v in versions.items())])

    def render(self, question: Question) -> str:
        """The text that the model reads, with one placeholder for the image.

        Raises:
            ModelError: the processor cannot be loaded, or has no chat template.
        """
        return self._chat(self._reading).prompt(question)

    def load(self, device: str, dtype: str) -> LoadedVlm:
        """Loads processor and weights.

        Raises:
            ModelError: a file is corrupt or does not fit the architecture.
            UsageError: the device, dtype or attention backend cannot be used.
        """
        folder = self.snapshot.folder
        processor = load_processor(folder, trust_remote_code=self.trust_remote_code)
        model = load_model(
            folder,
            device,
            dtype,
            quantisation=self.quantisation,
            attention=self.attention,
            trust_remote_code=self.trust_remote_code,
        )
        if self.lora:
            model = self.lora.onto(model)
        return LoadedVlm(model, processor, self.name, sweep=self.sweep)

    @property
    def _reading(self) -> str:
        return reading_digest(self.snapshot.folder)

    def _load_chat(self, reading: str) -> Chat:
        del reading  # other files make another chat
        processor = load_processor(self.snapshot.folder, trust_remote_code=self.trust_remote_code)
        return Chat(processor, self.name)
