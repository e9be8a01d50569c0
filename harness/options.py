"""The options of the pytest plugin, each of which is also an ini key."""

from __future__ import annotations

import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import UsageError
from harness.paths import SUITE, absolute
from harness.suite import Filters, Profile, Suite

if TYPE_CHECKING:
    from harness.settings import Settings

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
    group = parser.getgroup("harness", "emotion-harness")
    for name, kind, default, text in SINGLE:
        shown = f"{text} (default: {default})" if default is not None else text
        group.addoption(f"--{name}", type=kind, default=None, help=shown)
        parser.addini(_key(name), text, type="string", default="")
    for name, text in REPEATED:
        group.addoption(f"--{name}", action="append", default=[], metavar="NAME", help=f"{text}; may repeat")
        parser.addini(name, f"{text}, separated by blanks", type="string", default="")
    strict = "inconclusive verdicts, and unexpected ones of a limited run, fail instead of xfail"
    group.addoption("--strict-claims", action="store_true", help=strict)
    parser.addini("strict_claims", strict, type="bool", default=False)


def setting(config: pytest.Config, name: str) -> Any:
    """An option: the command line, then the ini file, then the default.

    Raises:
        pytest.UsageError: the ini value has the wrong type.
    """
    key = _key(name)
    if key == "strict_claims":
        return bool(config.getoption(key)) or bool(config.getini(key))
    kind, default = next((kind, default) for single, kind, default, _ in SINGLE if _key(single) == key)
    given, written = config.getoption(key), config.getini(key)
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
    value, given = setting(config, name), config.getoption(_key(name)) is not None
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
                name: tuple(config.getoption(name) or shlex.split(config.getini(name)))
                for name, _ in REPEATED
            }
        )
    except ValueError as error:
        raise pytest.UsageError(f"The ini key model, dataset, restoration or prompt: {error}.") from error


def given_options(config: pytest.Config) -> list[str]:
    """The arguments that ask for the same cells and answers as this run's command line."""
    singles = [name for name, *_ in SINGLE if name not in ("reports", "baseline", "gallery", "limit")]
    repeated = [name for name, _ in REPEATED]
    given = [(name, config.getoption(_key(name))) for name in singles]
    given += [(name, value) for name in repeated for value in config.getoption(name)]
    keys = {_key(name) for name in (*singles, *repeated)}
    overrides = [one for one in config.getoption("override_ini") or () if one.partition("=")[0] in keys]
    return [
        *(f"--{name}={value}" for name, value in given if value is not None),
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


def _baseline(config: pytest.Config) -> str | None:
    """The run to compare with, as seen from the folder of reports, where a report is made again later."""
    reports = reports_folder(config)
    folder = place(config, "baseline", reports)
    if folder == reports or not folder.is_dir():
        return setting(config, "baseline") or None  # the name of a run among the reports, or of none
    return os.path.relpath(folder, reports)


def _key(name: str) -> str:
    return name.replace("-", "_")
