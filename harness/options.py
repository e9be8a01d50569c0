"""The options of the pytest plugin, each of which is also an ini key.

`--harness-device` is the name of an option, and `--device` too where no other plug-in has taken it; likewise
the ini keys `harness_device` and `device`.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from harness.errors import UsageError
from harness.nearest import nearest
from harness.paths import SUITE, absolute
from harness.suite import Filters, Profile, Suite

if TYPE_CHECKING:
    from harness.settings import Settings

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
    parser.addini(f"harness_{key}", text, type=ini, default=empty)
    if key not in parser._inidict:
        parser.addini(key, text, type=ini, default=empty)


def _given(config: pytest.Config, name: str) -> Any:
    """What the command line says of an option, None or empty if nothing."""
    return config.getoption(f"harness_{_key(name)}")


def _written(config: pytest.Config, name: str) -> Any:
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
        return bool(_given(config, name)) or bool(_written(config, name))
    kind, default = next((kind, default) for single, kind, default, _ in SINGLE if _key(single) == key)
    given, written = _given(config, name), _written(config, name)
    try:
        return given if given is not None else kind(written) if written else default
    except ValueError as error:
        raise pytest.UsageError(f"The ini key {key} = {written} is not a valid {kind.__name__}.") from error


def place(config: pytest.Config, name: str, otherwise: Path) -> Path:
    """The file or folder that an option names, or `otherwise` where it has no value.

    On the command line a relative path starts from the current folder, as everywhere in a shell; in the ini
    file, and by default, from the root folder.

    Raises:
        pytest.UsageError: the ini value has the wrong type.
    """
    value, given = setting(config, name), _given(config, name) is not None
    start = config.invocation_params.dir if given else config.rootpath
    return absolute(start / Path(value).expanduser() if value else otherwise)


def suite_path(config: pytest.Config) -> Path:
    """The suite of a run."""
    return place(config, "suite", config.rootpath / SUITE)


def reports_folder(config: pytest.Config) -> Path:
    """Where the folder of a run is made."""
    return place(config, "reports", config.rootpath / "reports")


def filters_of(config: pytest.Config) -> Filters:
    """The names and globs of the command line, or those of the ini file.

    Raises:
        pytest.UsageError: an ini value opens a quotation and does not close it.
    """
    try:
        return Filters(
            **{
                name: tuple(_given(config, name) or shlex.split(_written(config, name)))
                for name, _ in REPEATED
            }
        )
    except ValueError as error:
        raise pytest.UsageError(f"The ini key model, dataset, restoration or prompt: {error}.") from error


def _free(config: pytest.Config, name: str) -> str:
    """The shortest name of an option; one that another plug-in has taken stands by its key."""
    return f"harness-{name}" if hasattr(config.option, _key(name)) else name


def given_options(config: pytest.Config) -> list[str]:
    """The arguments that ask for the same cells and answers as this run's command line."""
    singles = [name for name, *_ in SINGLE if name not in ("reports", "baseline", "gallery", "limit")]
    repeated = [name for name, _ in REPEATED]
    given = [(name, _given(config, name)) for name in singles]
    given += [(name, value) for name in repeated for value in _given(config, name)]
    keys = {prefix + _key(name) for name in (*singles, *repeated) for prefix in ("", "harness_")}
    overrides = [one for one in config.getoption("override_ini") or () if one.partition("=")[0] in keys]
    return [
        *(f"--{_free(config, name)}={value}" for name, value in given if value is not None),
        *(part for one in overrides for part in ("-o", one)),
    ]


def settings_of(config: pytest.Config, profile: Profile, suite: Suite) -> Settings:
    """How this run computes.

    Raises:
        pytest.UsageError: an option has an impossible value.
    """
    from harness.settings import Settings, default_data_root, default_store

    limit = setting(config, "limit")
    try:
        return Settings(
            data_root=place(config, "data-root", default_data_root()),
            store=place(config, "store", default_store()),
            device=setting(config, "device"),
            dtype=setting(config, "dtype"),
            batch_size=setting(config, "batch-size"),
            limit=profile.limit if limit is None else limit,
            alpha=setting(config, "alpha"),
            seed=suite.seed,
            max_cost=setting(config, "max-cost"),
        )
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error


def about_run(config: pytest.Config, profile: Profile, suite: Suite) -> dict[str, Any]:
    """What run.json says about how the run was made; no paths of the machine beyond the command."""
    settings = asdict(settings_of(config, profile, suite))
    return {
        "command": shlex.join(["pytest", *map(str, config.invocation_params.args)]),
        "suite": os.path.relpath(suite.path, config.rootpath),
        "profile": str(setting(config, "profile")),
        **{name: settings[name] for name in ("seed", "alpha", "limit", "device", "dtype", "batch_size")},
        "baseline": _baseline(config),
        "gallery": setting(config, "gallery"),
    }


def check_baseline(config: pytest.Config) -> None:
    """Ends a run at its start whose baseline is no run.

    Raises:
        pytest.UsageError: there is no such folder, or it is not that of a run; the nearest names are told.
    """
    reports = reports_folder(config)
    name = _baseline(config)
    if name is None or Path(os.path.normpath(reports / name), "run.json").is_file():
        return
    runs = sorted(path.parent.name for path in reports.glob("*/run.json"))
    here = nearest(str(name), runs) if runs else f"There is none in {reports}."
    raise pytest.UsageError(
        f"Expected --baseline to be the folder of a run, which holds a run.json, but got {name}. {here}"
    )


def _baseline(config: pytest.Config) -> str | None:
    """The run to compare with, as seen from the folder of reports, where a report is made again later."""
    reports = reports_folder(config)
    folder = place(config, "baseline", reports)
    if folder == reports or not folder.is_dir():
        return setting(config, "baseline") or None  # the name of a run among the reports, or of none
    return os.path.relpath(folder, reports)


def _key(name: str) -> str:
    return name.replace("-", "_")
