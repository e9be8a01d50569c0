"""What a run is about: a profile, widened by what is named and narrowed by what is filtered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from glob import escape, has_magic
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from harness.datasets import load_dataset
from harness.errors import DataError, Unavailable, UsageError
from harness.predictions.cell import Cell
from harness.suite.parts import Filters, Profile, matches, matches_prompt
from harness.suite.prompts import entry_of
from harness.tools.nearest import like, nearest

if TYPE_CHECKING:
    from harness.suite.suite import Suite

_MOST_NAMES = 4


@dataclass(frozen=True)
class _Option:
    """A filter of the command line.

    Attributes:
        name: `model` for --model.
        given: its globs and names.
        known: all names that the suite has for it.
        within: whether a profile has a name.
        add: a profile, and a name that it lacks -> the profile with that name.
        names: what it calls a cell.
    """

    name: str
    given: tuple[str, ...]
    known: tuple[str, ...]
    within: Callable[[Profile, str], bool]
    add: Callable[[Profile, str], Profile]
    names: Callable[[Cell], tuple[str, ...]]

    def exact(self, given: str) -> str | None:
        """The name that is meant, in the suite's case; None for a wildcard and for what is unknown."""
        return next((name for name in self.known if name.lower() == given.lower()), None)


def select(suite: Suite, name: str, filters: Filters) -> tuple[Profile, Filters]:
    """The profile of a name with everything that the filters name, and filters that fit only that.

    A name is added to the profile where it is missing there; a wildcard selects among what the profile has.
    What fits nothing, or is left without a test, is an error, so that a slip does not pass for a run.

    Raises:
        UsageError: there is no such profile, or nothing that a filter fits; the message has the nearest name.
    """
    profile, exact = suite.profile(name), {}
    options = list(_options(suite, filters))
    for option in options:
        for given in option.given:
            named = option.exact(given)
            if named is None:
                _check_wildcard(suite, name, option, given)
            elif not option.within(profile, named):
                profile = option.add(profile, named)
        exact[option.name] = tuple(
            given if (named := option.exact(given)) is None else escape(named) for given in option.given
        )
    selected = Filters(**exact)
    if filters != Filters():
        _check_left(suite, name, profile, selected, options)
    return profile, selected


def check_splits(suite: Suite, filters: Filters, data_root: Path) -> None:
    """Asks the adapters about splits that are named and that no profile of the suite has.

    Raises:
        UsageError: there is no such split; where the data are absent, as far as another one is like it.
    """
    for source in filters.dataset:
        name, _, split = source.partition(":")
        known = _splits(suite, name)
        if not split or has_magic(source) or source in known:
            continue
        try:
            load_dataset(suite.datasets[name], name, split, data_root)
        except (Unavailable, DataError):
            if meant := like(source, known, likeness=0.8):
                raise UsageError(
                    f"--dataset {source} is a split that no profile of {suite.path} has, and {name} is not "
                    f"here to be asked. Nearest: {', '.join(meant)}."
                ) from None


def _options(suite: Suite, filters: Filters) -> Iterator[_Option]:
    yield _Option(
        "model",
        filters.model,
        _distinct(suite.models, (number.model for number in suite.published)),
        lambda profile, name: matches(name, profile.models),
        lambda profile, name: replace(profile, models=(*profile.models, escape(name))),
        lambda cell: (cell.model,),
    )
    spelt = [one for one in filters.dataset if ":" in one and one.partition(":")[0] in suite.datasets]
    yield _Option(
        "dataset",
        filters.dataset,
        _distinct(suite.datasets, _splits(suite), (one for one in spelt if not has_magic(one))),
        lambda profile, name: any(name in (source, _bare(source)) for source in profile.datasets),
        lambda profile, name: replace(profile, datasets=(*profile.datasets, *_meant(suite, name))),
        lambda cell: (cell.source, cell.dataset),
    )
    yield _Option(
        "restoration",
        filters.restoration,
        tuple(suite.restoration_names),
        lambda profile, name: name in profile.restorations or name in _of_published(suite, profile),
        lambda profile, name: replace(profile, restorations=(*profile.restorations, name)),
        lambda cell: (cell.restoration,),
    )
    yield _Option(
        "prompt",
        filters.prompt,
        _distinct((prompt.entry for prompt in suite.prompts.values()), suite.prompts),
        lambda profile, name: all(
            matches_prompt(one, profile.prompts) for one in suite.prompts if name in (one, entry_of(one))
        ),
        lambda profile, name: replace(profile, prompts=(*profile.prompts, escape(name))),
        lambda cell: (cell.prompt, entry_of(cell.prompt)),
    )


def _check_wildcard(suite: Suite, name: str, option: _Option, given: str) -> None:
    """A wildcard fits something of the suite, and something of the profile."""
    fitting = [known for known in option.known if matches(known, (given,))]
    if not fitting:
        raise UsageError(
            f"--{option.name} {given or repr(given)} fits no {option.name} of {suite.path}. "
            f"{nearest(given, option.known)}"
        )
    if not any(option.within(suite.profiles[name], known) for known in fitting):
        have = [
            other
            for other, profile in suite.profiles.items()
            if any(option.within(profile, known) for known in fitting)
        ]
        profiles = f", or take the profile {' or '.join(have)}" if have else ""
        more = ", ..." if len(fitting) > _MOST_NAMES else ""
        raise UsageError(
            f"--{option.name} {given} fits nothing of the profile {name}, from which a wildcard selects. "
            f"Outside of it there is {', '.join(fitting[:_MOST_NAMES])}{more}. Name what you want{profiles}."
        )


def _check_left(
    suite: Suite, name: str, profile: Profile, filters: Filters, options: Iterable[_Option]
) -> None:
    """Each filter has a part in some test; `*` lets everything through and needs none."""
    tests = (suite.claim_cells(claim, profile, filters) for claim in suite.claims)
    claimed = (test.cells for test in chain.from_iterable(tests))
    cells = dict.fromkeys(chain(suite.cells(profile, filters), chain.from_iterable(claimed)))
    for option in options:
        left = {known for cell in cells for known in option.names(cell)}
        for given in getattr(filters, option.name):
            if given != "*" and not any(matches(known, (given,)) for known in left):
                raise UsageError(
                    f"--{option.name} {given} has no part in any test of the profile {name} with these "
                    "filters. Leave it or another filter out."
                )


def _meant(suite: Suite, name: str) -> list[str]:
    """What to add for a dataset: the split that is named, or those that some profile has."""
    splits = [name] if ":" in name else _splits(suite, name)
    if not splits:
        raise UsageError(
            f"--dataset {name} names no split, and no profile of {suite.path} has one. Write {name}:SPLIT."
        )
    return splits


def _splits(suite: Suite, dataset: str = "") -> list[str]:
    """The dataset:split of all profiles, or those of one dataset."""
    sources = dict.fromkeys(chain.from_iterable(profile.datasets for profile in suite.profiles.values()))
    return [source for source in sources if dataset in ("", _bare(source))]


def _of_published(suite: Suite, profile: Profile) -> set[str]:
    """Restorations under which the publications of a profile were measured."""
    return {one.restoration for one in suite.published if matches(one.model, profile.models)}


def _bare(source: str) -> str:
    return source.partition(":")[0]


def _distinct(*names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(names)))
