"""Every error the harness raises on purpose.

The message of each is one sentence that names the cause and one that names the fix; fronts print it
as it stands and exit with status 2. Anything else that escapes is a bug in the harness.
"""


class HarnessError(Exception):
    """Base of all errors that a user can mend. `str(error)` is a single line.

    Attributes:
        details: what a developer wants besides it, such as the traceback of what was raised elsewhere.
    """

    details: str = ""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class UsageError(HarnessError, ValueError):
    """An argument, option or configuration entry is wrong."""


class Unavailable(HarnessError):
    """Something absent here: a dataset, a checkpoint, an optional package. Evals skip on it."""


class DataError(HarnessError):
    """A file of a dataset cannot be used; the message names the file.

    Attributes:
        reason: what is wrong with it, the same for all files of one fault: without its name.
    """

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or str(self)


class ModelError(HarnessError):
    """A checkpoint or its card is corrupt, incomplete or disagrees with what was asked for."""


class StoreError(HarnessError):
    """The prediction store cannot be written. Everything written before stays."""


class HarnessWarning(UserWarning):
    """Something was mended or left out, and the run goes on; the message names it."""


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: by the error's type, as what is said of "memory" may be about anything.

    torch, which is not imported for this, raises its `OutOfMemoryError` on accelerators, and where the driver
    itself has none left an `AcceleratorError` with CUDA's number for that. On the CPU it is a RuntimeError
    that only its text tells apart.
    """
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return (
        isinstance(error, MemoryError)
        or "OutOfMemoryError" in kinds
        or ("AcceleratorError" in kinds and getattr(error, "error_code", None) == 2)
        or (isinstance(error, RuntimeError) and "DefaultCPUAllocator: can't allocate memory" in str(error))
    )
