"""Which prompts of one model are judged together."""

from hypothesis import given
from hypothesis import strategies as st

from harness.claims import BUILT_IN, Contrast, get_claim
from harness.prompts import Prompt

ORDER = Contrast(axes=("order", "repeat"), within_entry=True)
FORM = Contrast(axes=("form",), needs=("flat",))
REASONING = Contrast(axes=("reasoning",), base="none")


def listed(*prompts, entry="e"):
    return [(f"{entry}.{number}", entry, prompt) for number, prompt in enumerate(prompts)]


def test_all_orders_and_repeats_of_a_design_make_one_test():
    prompts = [Prompt(order=order, repeat=repeat) for order in ("given", "reversed") for repeat in (0, 1)]
    assert ORDER.arrange(listed(*prompts)) == [(0, 1, 2, 3)]


def test_orders_of_two_entries_are_not_mixed():
    first = listed(Prompt(order="given"), Prompt(order="reversed"), entry="a")
    second = listed(Prompt(order="williams-7.1"), Prompt(order="williams-7.2"), entry="b")
    assert ORDER.arrange([*first, *second]) == [(0, 1), (2, 3)]


def test_one_order_asked_again_is_no_test_of_orders():
    assert ORDER.arrange(listed(Prompt(repeat=0), Prompt(repeat=1))) == []


def test_prompts_that_differ_elsewhere_make_tests_of_their_own():
    orders, personas = ("given", "reversed"), ("none", "positive")
    prompts = [Prompt(order=order, persona=persona) for persona in personas for order in orders]
    assert ORDER.arrange(listed(*prompts)) == [(0, 1), (2, 3)]


def test_each_value_is_paired_with_the_base_which_comes_first():
    prompts = [Prompt(reasoning="caption"), Prompt(), Prompt(reasoning="context")]
    assert REASONING.arrange(listed(*prompts)) == [(1, 0), (1, 2)]


def test_without_the_base_there_is_no_pair():
    assert REASONING.arrange(listed(Prompt(reasoning="caption"), Prompt(reasoning="context"))) == []
    assert REASONING.arrange(listed(Prompt())) == []


def test_what_is_needed_suffices_and_the_rest_joins():
    assert FORM.arrange(listed(Prompt())) == [(0,)]
    assert FORM.arrange(listed(Prompt(form="six"), Prompt())) == [(0, 1)]
    assert FORM.arrange(listed(Prompt(form="six"))) == []


def test_a_prompt_that_two_entries_name_counts_once():
    assert FORM.arrange([("a", "a", Prompt()), ("b", "b", Prompt()), ("c", "c", Prompt(form="six"))]) == [
        (0, 2)
    ]


def test_nothing_gives_no_test():
    assert ORDER.arrange([]) == []


ABOUT_PROMPTS = [name for name in BUILT_IN if get_claim(name).contrast]
PROMPTS = st.builds(
    Prompt,
    order=st.sampled_from(["given", "reversed"]),
    persona=st.sampled_from(["none", "positive", "negative"]),
    reasoning=st.sampled_from(["none", "caption"]),
    labels=st.sampled_from(["shown", "absent"]),
    form=st.sampled_from(["flat", "six"]),
    repeat=st.integers(0, 1),
)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), PROMPTS), max_size=12),
    st.sampled_from(ABOUT_PROMPTS),
)
def test_prompts_of_a_test_differ_in_its_axes_only(prompts, claim):
    contrast = get_claim(claim).contrast
    entries = [(str(i), entry, prompt) for i, (entry, prompt) in enumerate(prompts)]
    for test in contrast.arrange(entries):
        axes = [prompts[i][1].as_dict() for i in test]
        assert len(set(test)) == len({prompts[i][1] for i in test}) == len(test)
        assert len({str({k: v for k, v in a.items() if k not in contrast.axes}) for a in axes}) == 1
        values = [a[contrast.axes[0]] for a in axes]
        assert set(contrast.needs) <= set(values)
        assert contrast.base is None or (values[0] == contrast.base and len(test) == 2)
        assert not contrast.within_entry or len({prompts[i][0] for i in test}) == 1


def test_the_five_claims_about_prompts_have_a_contrast_and_the_one_about_models_has_none():
    assert len(ABOUT_PROMPTS) == 5
    assert get_claim("cnn_beats_vlm").contrast is None
