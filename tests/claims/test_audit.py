"""Which published numbers can be believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.claims.audit import REPRODUCTION_MARGIN, audit
from harness.models import Published
from harness.suite import Suite


def published(accuracy: float, n: int = 7178, **changes) -> Published:
    values = {
        "model": "clip@paper",
        "system": "clip",
        "family": "vlm",
        "dataset": "fer2013",
        "split": "test",
        "n": n,
        "metrics": {"accuracy": accuracy},
        "source": "paper",
        "counts": {"accuracy": n},
        "decimals": {"accuracy": 4},
    }
    return Published(**{**values, **changes})


def test_a_plausible_number_passes():
    assert audit(published(0.4352), [], ceiling=0.794) == []


def test_a_rate_that_no_count_gives_is_found():
    assert audit(published(0.5166, n=64), []) == ["accuracy 51.66% is not a possible fraction of n = 64"]
    phi = published(
        0.5166,
        metrics={"accuracy": 0.5166, "recall_fear": 0.0053, "macro_f1": 0.0053},
        counts={"accuracy": 7178, "recall_fear": 1024, "macro_f1": 10},
        decimals={"accuracy": 4, "recall_fear": 4, "macro_f1": 4},
    )
    # 5 / 1024 is .0049 and 6 / 1024 is .0059; macro-F1 is no fraction of anything.
    assert audit(phi, []) == ["recall_fear 0.53% is not a possible fraction of n = 1024"]


def test_the_digits_as_printed_decide_what_is_possible():
    assert audit(published(0.5, n=3, decimals={"accuracy": 1}), []) != []
    assert audit(published(0.3, n=3, decimals={"accuracy": 1}), []) == []
    assert audit(published(0.3, n=3, decimals={"accuracy": 2}), []) != []


def test_an_accuracy_above_the_label_noise_is_found_unless_n_is_too_small_to_tell():
    assert audit(published(0.8644), [], ceiling=0.794) == [
        "86.44% lies above the label-noise ceiling of 79.4%"
    ]
    assert audit(published(0.80, n=50), [], ceiling=0.794) == []
    assert audit(published(0.8644), [], ceiling=None) == []


def test_an_accuracy_far_above_every_other_publication_is_found():
    number = published(0.6407)
    others = [
        published(0.4352, source="mteb", model="clip@mteb"),
        published(0.4094, source="clip-benchmark", model="clip@clip-benchmark"),
    ]
    assert audit(number, [number, *others]) == [
        "64.07% is 20.6 points above every other publication of clip (mteb: 43.52%)"
    ]
    assert [audit(other, [number, *others]) for other in others] == [[], []]


@pytest.mark.parametrize(
    "change",
    [
        {"system": "siglip"},
        {"split": "private"},
        {"dataset": "rafdb"},
        {"source": "paper"},
        {"metrics": {"macro_f1": 0.4}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_only_other_sources_of_the_same_system_on_the_same_split_are_compared(change):
    other = replace(published(0.40, source="mteb"), **change)
    assert audit(published(0.64), [other]) == []


def test_a_difference_within_the_margin_of_prompt_wordings_passes():
    other = published(0.4, source="mteb")
    assert audit(published(round(0.4 + REPRODUCTION_MARGIN, 4)), [other]) == []
    assert len(audit(published(round(0.4 + REPRODUCTION_MARGIN + 0.001, 4)), [other])) == 1


def test_a_publication_without_accuracy_has_nothing_to_compare():
    number = published(0.4, metrics={"macro_f1": 0.99})
    assert audit(number, [published(0.1, source="mteb")], ceiling=0.794) == []


def test_the_shipped_table_is_judged_as_a_reader_would():
    """GFPGAN-restored results of one paper fail; leaderboards and honest CNN references pass."""
    suite = Suite.read(Path("evals/suite.toml"))
    found = {
        (number.model, number.split): audit(
            number, suite.published, suite.noise_ceilings.get(f"{number.dataset}:{number.split}")
        )
        for number in suite.published
    }
    doubted = {model for (model, _), findings in found.items() if findings}
    assert doubted == {
        "efficientnet-b0@mulukutla-2025",
        "resnet50@mulukutla-2025",
        "vit-b-32-openai@mulukutla-2025",
        "phi-3.5-vision@mulukutla-2025",
    }
    assert any("ceiling" in line for line in found["efficientnet-b0@mulukutla-2025", "test"])
    assert any("points above" in line for line in found["vit-b-32-openai@mulukutla-2025", "test"])
    assert any("recall_fear" in line for line in found["phi-3.5-vision@mulukutla-2025", "test"])
    sources = {number.source for number in suite.published if not found[number.model, number.split]}
    assert sources == {"clip-benchmark", "mteb", "residual-masking-network", "emonext-2023"}
