"""What is noted, where it goes, and which errors are about memory."""

import pytest
import torch

from harness.errors import HarnessWarning, ModelError, StoreError, out_of_memory
from harness.tools.slow_paths import SlowPath, blame, entries, line, note, noting


def accelerator_error(number: int) -> Exception:
    """As torch raises it for an error of CUDA; before torch 2.8 there was no such type."""
    kind = getattr(torch, "AcceleratorError", type("AcceleratorError", (RuntimeError,), {}))
    error: Exception = kind("CUDA error")
    error.error_code = number  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"), True),
        (accelerator_error(2), True),  # cudaErrorMemoryAllocation
        (accelerator_error(700), False),  # cudaErrorIllegalAddress
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
        (RuntimeError("required rank 4 tensor to use channels_last memory format"), False),
        (RuntimeError("pin memory thread exited"), False),
        (ValueError("the memory bank of this model is empty"), False),
        (OSError("Cannot allocate memory"), False),
    ],
    ids=str,
)
def test_memory_is_told_by_the_type_of_an_error(error, told):
    assert out_of_memory(error) == told


def test_a_note_is_about_the_model_that_is_at_work_and_a_warning_where_nobody_listens():
    outer: dict[SlowPath, None] = {}
    with noting("model", outer):
        note("timm:x", "sweep", "unfit", "a\n b")
        with noting("restorer"):
            note("y", "batches", "error", "c", ValueError("d"))
        note("timm:x", "sweep", "unfit", "a b")
    assert [(one.model, one.path, one.reason) for one in outer] == [
        ("model", "sweep", "a b"),
        ("restorer", "batches", "c"),
    ]
    with pytest.warns(HarnessWarning, match="x goes without sweep .unfit.: why"):
        note("x", "sweep", "unfit", "why")
    with noting("nobody"), pytest.warns(HarnessWarning, match="x goes without"):
        note("x", "sweep", "unfit", "why")


def test_entries_are_one_per_model_path_and_kind_with_a_file_for_its_traceback(tmp_path):
    found = [
        SlowPath("../a b", "sweep", "error", "first", "Traceback: x").as_dict(),
        SlowPath("z", "sweep", "chosen", "entry").as_dict(),
        SlowPath("../a b", "sweep", "error", "last", "Traceback: y").as_dict(),
    ]
    error, chosen = entries(found, tmp_path)
    assert (error["times"], error["reason"], chosen["traceback"]) == (2, "last", None)
    (file,) = (tmp_path / "slow_paths").iterdir()
    assert error["traceback"] == f"slow_paths/{file.name}"
    assert file.read_text(encoding="utf-8") == "Traceback: x"
    assert line(error) == f"../a b goes without sweep (error): last Traceback: slow_paths/{file.name}."


def test_a_fast_path_is_to_blame_where_the_slow_one_works_and_memory_and_the_harness_never_are():
    def works():
        return 1

    def fails():
        raise ValueError

    error = TypeError("no such argument")
    with pytest.raises(ModelError, match="The sweep of x is broken .TypeError: no such argument."):
        blame("x", "sweep", error, works)
    blame("x", "sweep", error, fails)
    blame("x", "sweep", MemoryError(), works)
    blame("x", "sweep", StoreError("The disk is full."), works)
