"""What we measure of a model is what was published of it: same weights, same images, same prompts."""

from __future__ import annotations

from statistics import NormalDist

from harness.claims.claim import Claim, Context, Role
from harness.claims.verdict import Effect, Verdict, decide
from harness.errors import DataError
from harness.metrics import accuracy
from harness.models.base import Published
from harness.predictions import Predictions
from harness.statistics import effective_n, metric_interval

# Other words for the same classes move zero-shot CLIP by up to 2.6 points; closer than this is the same.
MARGIN = 0.02


def judge(ours: Predictions, published: Published, context: Context) -> Verdict:
    """Holds our accuracy against the published one.

    The effect is the room that is left within `MARGIN`: MARGIN - |ours - published|. Its interval is that of
    our accuracy, as if the publication were of other images; it is of the same ones, so the interval is
    wider than it need be. Supported: all of our interval lies within the margin of the published number.

    Args:
        ours: predictions under the publication's prompt.
        published: its numbers.
        context: cell name, level and seed.

    Raises:
        DataError: the publication has no accuracy.
    """
    if "accuracy" not in published.metrics:
        raise DataError(f"{published.model} publishes no accuracy on {ours.cell.source}. Leave it out.")
    measured = metric_interval(
        ours.gold,
        ours.answers,
        len(ours.space.labels),
        accuracy,
        groups=ours.groups,
        replicates=context.replicates,
        alpha=context.alpha,
        seed=context.seed,
    )
    theirs = published.metrics["accuracy"]
    gaps = sorted(abs(bound - theirs) for bound in (measured.low, measured.high))
    inside = measured.low <= theirs <= measured.high
    effect = Effect(
        f"room within {100 * MARGIN:g} points of the published accuracy",
        MARGIN - abs(measured.value - theirs),
        MARGIN - gaps[1],
        MARGIN - (0.0 if inside else gaps[0]),
    )
    n = effective_n(ours.answers == ours.gold, ours.groups)
    error = max(measured.value * (1 - measured.value) / n, 0.25 / n**2) ** 0.5
    p_value = 2 * (1 - NormalDist().cdf(abs(effect.value) / error))
    reach = NormalDist().inv_cdf(1 - context.level / 2) + NormalDist().inv_cdf(0.8)
    barred = context.barred
    if not barred and published.n != len(ours):
        barred = f"the publication is of {published.n:,} images and ours of {len(ours):,}"
    where = "inside" if inside else "outside"
    return Verdict(
        claim=NAME,
        cell=context.cell,
        outcome=decide(effect, p_value, context.alpha, barred),
        effect=effect,
        p_value=p_value,
        alpha=context.alpha,
        n=len(ours),
        n_needed=round((reach * error / effect.value) ** 2 * len(ours))
        if not barred and effect.value
        else None,
        detectable_effect=reach * error,
        paired=False,
        method="bootstrap interval of our accuracy, equivalence within a margin",
        barred=barred,
        reason=f"No verdict: {barred}."
        if barred
        else (
            f"We measure {measured.value:.1%} [{measured.low:.1%}, {measured.high:.1%}], published is "
            f"{theirs:.1%}, which is {where} that interval."
        ),
        notes=context.notes,
    )


NAME = "reproduces_published"
CLAIM = Claim(
    name=NAME,
    hypothesis="The accuracy measured here is the published one, within two points.",
    roles=(
        Role("ours", ("vlm",)),
        Role("published", ("vlm",)),
    ),
    judge=judge,
    same_system=True,
)
