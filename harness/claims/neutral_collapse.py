"""A model answers neutral far more often than faces are neutral.

Commercial models did so on acted television (Quixotiks 2025), Phi-3.5 Vision on FER-2013 (Mulukutla et al.
2025, arXiv 2508.13524: more than half of the fearful faces). But people do, too: by plurality of the FER+
votes 37 % of the FER-2013 test are neutral, by its own labels 17 %. So the excess must stand against both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.claims.claim import Claim, Context, Role
from harness.claims.contrast import Contrast
from harness.claims.evidence import check_same_samples, invalid_notes, prompt_of
from harness.claims.mean_effect import MeanEffect, mean_effect, mean_verdict, share
from harness.claims.verdict import Effect, Verdict
from harness.errors import DataError
from harness.metrics import detection, effective_classes, normalised_entropy, over_prediction
from harness.predictions import Predictions
from harness.statistics import metric_intervals
from harness.statistics.bootstrap import Statistic

NAME = "neutral_collapse"
THRESHOLD = 0.10
D_PRIME, CRITERION = "d' of neutral", "criterion for neutral"


def judge(*forms: Predictions, context: Context) -> Verdict:
    """Holds the share of neutral answers against the share of neutral faces, by each set of labels there is.

    The smallest excess decides, whether over the dataset's own labels or over those of others
    (`Predictions.marginals`). For support every excess must be above the threshold (intersection-union: the
    largest p-value counts); below it the smallest p-value counts times the number of label sets
    (Bonferroni), since the smallest was picked. Beside it stand the signal detection measures of neutral
    against emotional faces, which tell a model that cannot see from one that prefers to say neutral, and
    what the six-label and two-stage forms change where they were asked.

    Args:
        forms: the same samples asked in each form; flat must be among them.
        context: cell name, level, family size and seed.

    Raises:
        DataError: no form is flat, the samples differ, or the labels have no neutral.
    """
    check_same_samples(forms)
    sides: dict[str, Predictions] = {prompt_of(side).form: side for side in forms}
    if "flat" not in sides:
        raise DataError(f"{context.cell} has no flat form. Ask with all labels at once, too.")
    flat = sides["flat"]
    neutral = _neutral(flat)
    excesses = _excesses(flat, neutral, context)
    against, found = min(excesses.items(), key=lambda item: item[1].effect.value)
    found = replace(found, p_value=_p_value(found, list(excesses.values())))
    seen = _detection(flat, neutral, context)
    return mean_verdict(
        NAME,
        found,
        context,
        threshold=THRESHOLD,
        subject="Asked with all labels,",
        secondary=[
            *(other.effect for who, other in excesses.items() if who != against),
            *seen.values(),
            *(effect for form, side in sides.items() for effect in _spread(form, side, neutral, context)),
        ],
        notes=[
            *_explained(seen),
            *(note for form, side in sides.items() for note in invalid_notes(f"Form {form}", side)),
        ],
    )


def _neutral(flat: Predictions) -> int:
    """Index of the neutral label among those asked for."""
    subset = prompt_of(flat).subset
    if "neutral" not in flat.space.concepts or (subset and "neutral" not in subset):
        raise DataError(f"{flat.cell} is asked about no neutral label. Leave {NAME} out for it.")
    return flat.space.concepts.index("neutral")


def _excesses(flat: Predictions, neutral: int, context: Context) -> dict[str, MeanEffect]:
    """Who labelled the samples -> how much more often the model says neutral."""
    answered = (flat.answers == neutral).astype(float)
    images = (flat.gold == neutral).astype(float)
    excesses = {}
    for who, theirs in {flat.cell.dataset: images, **_shares(flat, neutral)}.items():
        low, high = (-1.0, 1.0) if isinstance(theirs, np.ndarray) else (-theirs, 1 - theirs)
        excesses[who] = mean_effect(
            f"excess of neutral answers over the labels of {who}",
            answered - theirs,
            low,
            high,
            groups=flat.groups,
            threshold=THRESHOLD,
            context=context,
        )
    return excesses


def _shares(flat: Predictions, neutral: int) -> dict[str, float]:
    """Who else labelled the whole split -> share of neutral; a subset of its labels has other shares."""
    if prompt_of(flat).subset:
        return {}
    label = flat.space.labels[neutral]
    return {who: shares[label] for who, shares in flat.marginals.items() if label in shares}


def _p_value(smallest: MeanEffect, excesses: Sequence[MeanEffect]) -> float:
    if smallest.effect.value > THRESHOLD:
        return max(excess.p_value for excess in excesses)
    return min(1.0, len(excesses) * smallest.p_value)


def _detection(flat: Predictions, neutral: int, context: Context) -> dict[str, Effect]:
    return _measures(
        flat,
        {
            "over-prediction ratio of neutral": lambda table: over_prediction(table, neutral),
            D_PRIME: lambda table: detection(table, neutral)[0],
            CRITERION: lambda table: detection(table, neutral)[1],
        },
        context,
    )


def _explained(seen: Mapping[str, Effect]) -> list[str]:
    """Whether the model cannot see, or sees and says neutral all the same."""
    sight, criterion = seen[D_PRIME], seen[CRITERION]
    if (sight.low or 0.0) <= 0:
        return [f"It cannot see: d' = {sight.value:.2f} does not tell neutral from emotional faces."]
    if (criterion.high or 0.0) < 0:
        return [
            f"It can see (d' = {sight.value:.2f}) but answers neutral when in doubt "
            f"(criterion {criterion.value:+.2f})."
        ]
    return []


def _spread(form: str, side: Predictions, neutral: int, context: Context) -> list[Effect]:
    """How many labels the answers of a form use, and how many emotional faces they get right."""
    measures = {
        f"normalised entropy, {form}": normalised_entropy,
        f"effective classes, {form}": effective_classes,
    }
    emotional = side.subset(side.gold != neutral)
    right = emotional.answers == emotional.gold
    return [
        *_measures(side, measures, context).values(),
        *([share(f"accuracy on emotional faces, {form}", right, emotional, context)] if len(right) else []),
    ]


def _measures(side: Predictions, measures: Mapping[str, Statistic], context: Context) -> dict[str, Effect]:
    estimates = metric_intervals(
        side.gold,
        side.answers,
        len(side.space),
        measures,
        groups=side.groups,
        replicates=context.replicates,
        alpha=context.alpha,
        seed=context.seed,
    )
    return {name: Effect.of(name, estimate) for name, estimate in estimates.items()}


CLAIM = Claim(
    name=NAME,
    hypothesis="The model answers neutral far more often than faces are labelled neutral.",
    roles=(Role("vlm", ("vlm",)),),
    judge=judge,
    contrast=Contrast(axes=("form",), needs=("flat",)),
    threshold=THRESHOLD,
)
