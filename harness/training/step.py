"""One step of training: batch in, weights moved. On a GPU it is recorded once and then played back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.models.ahead import on_cuda
from harness.models.card import Card
from harness.slow_paths import note
from harness.training.augment import augment
from harness.training.recipe import Recipe

if TYPE_CHECKING:
    import torch

# What cuDNN and the optimiser set up at first use must not be recorded.
_WARM_UP = 3


class Step:
    """Teaches a network one batch at a time.

    A step of ResNet-50 or EfficientNet-B0 on 48-pixel images is thousands of kernels that take the GPU less
    time than it takes Python to start them. All full batches have one shape, so that the kernels of one step
    are recorded (a CUDA graph) and started at once for each of the others: the same arithmetic.

    Args:
        model: on `device`, in training mode whenever this is called.
        optimizer: over all its parameters.
        recipe: the fitted recipe.
        card: gives mean and std.
        device: torch device.

    Attributes:
        sums: (2,) the loss and the right answers, summed over the images since it was last set to zero.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        recipe: Recipe,
        card: Card,
        device: str,
    ) -> None:
        import torch

        self._model, self._optimizer, self._recipe, self._device = model, optimizer, recipe, device
        self._mean, self._std = (
            torch.tensor(v, device=device).view(1, -1, 1, 1) for v in (card.mean, card.std)
        )
        self.sums = torch.zeros(2, device=device)
        self._recording = _Recording(self._learn) if on_cuda(device) else None

    def __call__(
        self, pixels: torch.Tensor, gold: torch.Tensor, moves: torch.Tensor | None, rate: float
    ) -> None:
        """Takes one step.

        Args:
            pixels: (N, C, H, W) uint8, as is what follows on any device.
            gold: (N,) int64 label indices.
            moves: what `augment` is to do, or None for nothing.
            rate: learning rate.
        """
        import torch

        for group in self._optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        batch = [
            part.to(self._device, non_blocking=True) for part in (pixels, gold, moves) if part is not None
        ]
        if self._recording is not None and len(gold) == self._recipe.batch_size:
            self._recording(*batch)
        else:
            self._learn(*batch)

    def _learn(self, pixels: torch.Tensor, gold: torch.Tensor, moves: torch.Tensor | None = None) -> None:
        import torch
        from torch.nn.functional import cross_entropy

        x = (pixels.to(torch.float32) / 255 - self._mean) / self._std
        if moves is not None:
            x = augment(x, moves)
        recipe = self._recipe
        with torch.autocast(x.device.type, torch.bfloat16, enabled=recipe.dtype == "bfloat16"):
            logits = self._model(x.contiguous(memory_format=torch.channels_last))
            loss = cross_entropy(logits, gold, label_smoothing=recipe.label_smoothing)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), recipe.clip)
        self._optimizer.step()
        self.sums += torch.stack([loss.detach() * len(gold), (logits.argmax(1) == gold).sum()])


class _Recording:
    """Calls a function whose arguments are tensors of always the same shapes, as a CUDA graph."""

    def __init__(self, function: Any) -> None:
        import torch

        self._function, self._calls = function, 0
        self._stream: torch.cuda.Stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._graph: torch.cuda.CUDAGraph | None = None
        self._held: tuple[torch.Tensor, ...] = ()

    def __call__(self, *batch: torch.Tensor) -> None:
        import torch

        if self._calls == _WARM_UP:
            self._record(batch)
        self._calls += 1
        if self._graph is not None:
            for held, new in zip(self._held, batch, strict=True):
                held.copy_(new)
            self._graph.replay()
            return
        current = torch.cuda.current_stream()
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            self._function(*batch)
        current.wait_stream(self._stream)

    def _record(self, batch: tuple[torch.Tensor, ...]) -> None:
        """Nothing is computed by this; where it cannot be done, every step is started kernel by kernel."""
        import torch

        graph = torch.cuda.CUDAGraph()
        self._held = tuple(part.clone() for part in batch)
        try:
            with torch.cuda.graph(graph, stream=self._stream):
                self._function(*self._held)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            reason = f"the network does what cannot be recorded ({str(error).splitlines()[0][:200]})"
            note("training", "recorded steps", "unfit", reason, error)
            return
        self._graph = graph
