"""Strategies: any prompts, and those that can be asked of a label space."""

from __future__ import annotations

from hypothesis import strategies as st

from harness.labels import LabelSpace, label_space, label_spaces
from harness.prompts import DESIGNS, Prompt, wordings
from harness.prompts.prompt import CHOICES

SINGLE = ["given", "reversed"]
ORDERS = [*SINGLE, *(f"{name}.{member + 1}" for name, size in DESIGNS.items() for member in range(size))]
BENCHMARK = set(label_space("clip_benchmark").concepts)

spaces = st.sampled_from([label_space(name) for name in label_spaces()])
concepts = sorted({concept for name in label_spaces() for concept in label_space(name).concepts})
any_prompts = st.builds(
    Prompt,
    wording=st.sampled_from(wordings()),
    order=st.sampled_from(SINGLE) | st.sampled_from(ORDERS),
    subset=st.just(()) | st.lists(st.sampled_from(concepts), max_size=5, unique=True).map(tuple),
    examples=st.booleans(),
    max_tokens=st.none() | st.integers(-1, 4000),
    **{axis: st.sampled_from(values) for axis, values in CHOICES.items()},
)


@st.composite
def asked(draw: st.DrawFn) -> tuple[Prompt, LabelSpace]:
    """A prompt and a label space that go together, by the rules as a user knows them."""

    def pick(axis: str, *without: str) -> str:
        return draw(st.sampled_from([value for value in CHOICES[axis] if value not in without]))

    space = draw(spaces)
    form = pick("form") if "neutral" in space.concepts else "flat"
    rest = [concept for concept in space.concepts if form == "flat" or concept != "neutral"]
    chosen = draw(st.just(rest) | st.lists(st.sampled_from(rest), min_size=2, unique=True))
    whole = len(chosen) == len(rest)
    designs = [
        name for name in DESIGNS if name.endswith(f"-{len(chosen)}") or (name == "sentiment" and whole)
    ]
    members = [f"{name}.{member + 1}" for name in designs for member in range(DESIGNS[name])]
    labels = "shown" if form == "two-stage" else pick("labels")
    mode = pick("mode") if labels == "shown" else "generate"
    answer = pick(
        "answer", *["letter"] * (labels == "absent" or len(chosen) > 8), *["free"] * (mode != "generate")
    )
    benchmark = labels == "shown" and set(chosen) <= BENCHMARK
    prompt = Prompt(
        wording=draw(st.sampled_from(wordings())),
        order=draw(st.sampled_from(SINGLE + members)),
        persona=pick("persona"),
        reasoning=pick("reasoning") if mode == "generate" else "none",
        answer=answer,
        labels=labels,
        form=form,
        subset=() if whole else (*chosen, *["neutral"] * (form != "flat")),
        language=pick("language", *["ja"] * ("not a face" in chosen)),
        examples=whole and labels == "shown" and answer != "letter" and draw(st.booleans()),
        mode=mode,
        names=pick("names", *["clip_benchmark"] * (not benchmark)),
        repeat=draw(st.integers(0, 3)),
    )
    return prompt, space
