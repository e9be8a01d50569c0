"""Which model embeds pictures for claims that ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from harness.engine import Embedding, Source
from harness.errors import Unavailable
from harness.suite import ClaimCell, Suite


def encoder_of(suite: Suite, claim: str, dataset: str) -> str:
    """The model that the claim's entry names for a data set, else the suite's first contrastive one.

    Raises:
        Unavailable: there is none.
    """
    named = suite.claims[claim].get("encoder", {})
    for glob, model in ({"*": named} if isinstance(named, str) else named).items():
        if fnmatchcase(dataset, glob):
            return str(model)
    found = [name for name in suite.models if suite.capability(name) == "contrastive"]
    if not found:
        raise Unavailable(
            f"Claim {claim} has no encoder. Write encoder = a contrastive model or a network of the suite "
            f"into [claims.{claim}]."
        )
    return found[0]


def embeddings_for(suite: Suite, cells: Iterable[ClaimCell]) -> Iterator[Embedding]:
    """The embeddings that some tests ask for; those that cannot be had are told when they are judged."""
    for cell in cells:
        if suite.claim(cell.claim).embeddings == "unused":
            continue
        try:
            encoder = encoder_of(suite, cell.claim, cell.cells[0].dataset)
        except Unavailable:
            continue
        for side in cell.cells:
            yield Embedding(encoder, Source(side.dataset, side.split, restoration=side.restoration))
