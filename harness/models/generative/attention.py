"""Which of torch's kernels compute attention, and how exactly."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any


def unplanned(device: Any) -> AbstractContextManager[Any]:
    """Within, cuDNN computes no attention: it makes a plan for each shape, which takes 40 to 800 ms.

    That is for shapes that do not return, as the next token of answers has and images of many sizes have.
    Others are as fast there: on an H200, 24 answers of 32 tokens about each of 8 images are written in 0.9 s
    instead of 2.2, and in 0.9 instead of 1.1 when every shape has been met before.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    if device.type != "cuda":
        return nullcontext()
    return sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH])


def single_precision() -> AbstractContextManager[Any]:
    """Within, convolutions in float32 are computed in float32.

    Left alone, cuDNN rounds them to TF32 for some batch sizes and not for others: log-likelihoods of
    LLaVA-1.5-7B's geometry about one image and about two differed by 0.003 on an H200.
    """
    from torch.backends import cudnn

    flags: AbstractContextManager[Any] = cudnn.flags(
        enabled=cudnn.enabled,
        benchmark=cudnn.benchmark,
        deterministic=cudnn.deterministic,
        allow_tf32=False,
    )
    return flags
