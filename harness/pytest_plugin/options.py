"""The options of the pytest plugin, each of which is also an ini key.

`--harness-device` is the name of an option, and `--device` too where no other plug-in has taken it; likewise
the ini keys `harness_device` and `device`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from harness.tools.paths import SUITE, absolute

STRICT = "strict-claims"

# name, type, default, help; how paths are read, see `place`
SINGLE: tuple[tuple[str, type, Any, str], ...] = (
    ("suite", str, str(SUITE), "the suite"),
    ("profile", str, "default", "part of the suite: specimens, smoke, nightly, restoration, ... or your own"),
    (
        "data-root",
        str,
        None,
        "folder of the datasets (default: $HARNESS_DATA, else ~/.cache/emotion-harness/data)",
    ),
    ("store", str, None, "prediction store (default: $HARNESS_STORE, else ~/.cache/emotion-harness/store)"),
    ("reports", str, "reports", "where the run folder is made"),
    (
        "limit",
        int,
        None,
        "at most this many samples per dataset:split, stratified and seeded; snapshots and expectations hold "
        "for the full set, so neither judges fewer",
    ),
    ("device", str, "auto", "torch device"),
    ("dtype", str, "float32", "float32, bfloat16 or float16"),
    ("batch-size", int, 64, "images per batch to begin with; halves when memory runs out"),
    ("alpha", float, 0.05, "family-wise error rate of each claim"),
    ("max-cost", float, None, "US dollars that the models behind APIs may spend in this run"),
    ("baseline", str, None, "run folder to compare this run with"),
    (
        "gallery",
        int,
        60,
        "sample pictures in the report, per dataset:split and restoration; 0 where they may not be copied",
    ),
    ("slow-paths", str, "report", "report, or fail: a run that was slower than it could be has status 1"),
    ("engine", str, "local", "where predictions are made: local"),
)
REPEATED: tuple[tuple[str, str], ...] = (
    ("model", "only tests of this model, added to the profile, or of its models that match a wildcard"),
    ("dataset", "only this dataset:split (or dataset), added to the profile, or those of it that match"),
    ("restoration", "only this restoration, added to the profile, or those of it that match"),
    ("prompt", "only this prompt, added to the profile, or those of it that match"),
)


def add_options(parser: pytest.Parser) -> None:
    """Adds all options and ini keys."""
    for name, kind, default, text in SINGLE:
        shown = f"{text} (default: {default})" if default is not None else text
        _add(parser, name, shown, "string", type=kind, default=None, metavar=_key(name).upper())
    for name, text in REPEATED:
        _add(parser, name, f"{text}; may repeat", "string", action="append", default=[], metavar="NAME")
    strict = "inconclusive verdicts, and unexpected ones of a limited run, fail instead of xfail"
    _add(parser, STRICT, strict, "bool", action="store_true")


def _add(parser: pytest.Parser, name: str, text: str, ini: Literal["string", "bool"], **option: Any) -> None:
    """Adds an option and its ini keys by their long names, and by the short ones that are free."""
    key, empty = _key(name), False if ini == "bool" else ""
    groups = [*parser._groups, parser._anonymous]  # pytest tells of a taken name by an error alone
    taken = {taken for group in groups for one in group.options for taken in one.names()}
    short = [] if f"--{name}" in taken else [f"--{name}"]
    told = text if short else f"{text}. --{name} is an option of another plug-in"
    parser.getgroup("harness", "emotion-harness").addoption(
        f"--harness-{name}", *short, dest=f"harness_{key}", help=told.replace("%", "%%"), **option
    )
    for known in (f"harness_{key}", key):
        if known not in parser._inidict:
            parser.addini(known, text, type=ini, default=empty)


def given(config: pytest.Config, name: str) -> Any:
    """What the command line says of an option, None or empty if nothing."""
    return config.getoption(f"harness_{_key(name)}")


def written(config: pytest.Config, name: str) -> Any:
    """What the ini file says of an option; a short key may be one of another plug-in, of whatever type."""
    long, short = config.getini(f"harness_{_key(name)}"), config.getini(_key(name))
    return long or (short if isinstance(short, type(long)) else type(long)())


def setting(config: pytest.Config, name: str) -> Any:
    """An option: the command line, then the ini file, then the default.

    Raises:
        pytest.UsageError: the ini value has the wrong type.
    """
    key = _key(name)
    if name.replace("_", "-") == STRICT:
        return bool(given(config, name)) or bool(written(config, name))
    kind, default = next((kind, default) for single, kind, default, _ in SINGLE if _key(single) == key)
    said, ini = given(config, name), written(config, name)
    try:
        return said if said is not None else kind(ini) if ini else default
    except ValueError as error:
        raise pytest.UsageError(f"The ini key {key} = {ini} is not a valid {kind.__name__}.") from error


def place(config: pytest.Config, name: str, otherwise: Path) -> Path:
    """The file or folder that an option names, or `otherwise` where it has no value.

    On the command line a relative path starts from the current folder, as everywhere in a shell; in the ini
    file, and by default, from the root folder.

    Raises:
        pytest.UsageError: the ini value has the wrong type.
    """
    value = setting(config, name)
    start = config.invocation_params.dir if given(config, name) is not None else config.rootpath
    return absolute(start / Path(value).expanduser() if value else otherwise)


def _free(config: pytest.Config, name: str) -> str:
    """The shortest name of an option; one that another plug-in has taken stands by its key."""
    return f"harness-{name}" if hasattr(config.option, _key(name)) else name


def given_options(config: pytest.Config) -> list[str]:
    """The arguments that ask for the same cells and answers as this run's command line."""
    singles = [name for name, *_ in SINGLE if name not in ("reports", "baseline", "gallery", "limit")]
    repeated = [name for name, _ in REPEATED]
    pairs = [(name, given(config, name)) for name in singles]
    pairs += [(name, value) for name in repeated for value in given(config, name)]
    keys = {prefix + _key(name) for name in (*singles, *repeated) for prefix in ("", "harness_")}
    overrides = [one for one in config.getoption("override_ini") or () if one.partition("=")[0] in keys]
    return [
        *(f"--{_free(config, name)}={value}" for name, value in pairs if value is not None),
        *(part for one in overrides for part in ("-o", one)),
    ]


def _key(name: str) -> str:
    return name.replace("-", "_")
