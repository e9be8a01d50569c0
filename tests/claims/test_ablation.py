"""Which restorations are judged together."""

from hypothesis import given
from hypothesis import strategies as st

from harness.claims import Ablation, Arm

NONE = Arm("none", "none", control=True)
BICUBIC, LANCZOS, NEAREST = (
    Arm(name, name, control=True, size=224) for name in ("bicubic", "lanczos", "nearest")
)
LARGE = Arm("bicubic-512", "bicubic", control=True, size=512)
SMALL = Arm("down-12", "bicubic", control=True, size=12)
GFPGAN = Arm("gfpgan", "gfpgan", size=224, twin="gfpgan 224")
GREY = Arm("gfpgan-grey", "gfpgan", size=224, twin="gfpgan 224")
WIDE = Arm("gfpgan-512", "gfpgan", size=512, twin="gfpgan 512")
OWN = Arm("mine", "my_package", size=224)

EACH = Ablation()
TWINS = Ablation(twins=True)
ALL = Ablation(together=3)


def test_a_treatment_meets_bicubic_and_none():
    tests = EACH.arrange([NONE, NEAREST, LANCZOS, BICUBIC, GFPGAN])
    assert ("gfpgan", "bicubic", "none") in tests


def test_an_interpolation_meets_none():
    assert EACH.arrange([NONE, NEAREST, LANCZOS]) == [("nearest", "none"), ("lanczos", "none")]


def test_the_control_is_of_the_same_size():
    assert EACH.arrange([NONE, BICUBIC, LARGE, WIDE])[-1] == ("gfpgan-512", "bicubic-512", "none")
    assert EACH.arrange([NONE, SMALL, LANCZOS, GFPGAN])[-1] == ("gfpgan", "lanczos", "none")


def test_without_its_controls_a_treatment_is_not_judged():
    assert EACH.arrange([NONE, GFPGAN]) == []
    assert EACH.arrange([NONE, SMALL, GFPGAN]) == [("down-12", "none")]
    assert EACH.arrange([BICUBIC, GFPGAN]) == []


def test_an_adapter_of_somebody_else_is_a_treatment():
    assert EACH.arrange([NONE, BICUBIC, OWN])[-1] == ("mine", "bicubic", "none")


def test_what_differs_in_colour_alone_joins():
    arms = [NONE, BICUBIC, GFPGAN, GREY, WIDE, LARGE, OWN]
    assert [test for test in TWINS.arrange(arms) if test[0].startswith("gfpgan")] == [
        ("gfpgan", "bicubic", "gfpgan-grey", "none"),
        ("gfpgan-grey", "bicubic", "gfpgan", "none"),
        ("gfpgan-512", "bicubic-512", "none"),
    ]
    assert all(len(test) <= 3 for test in EACH.arrange(arms))


def test_what_is_not_wanted_serves_as_control_only():
    wanted = {"gfpgan"}.__contains__
    assert EACH.arrange([NONE, BICUBIC, GFPGAN, OWN], wanted) == [("gfpgan", "bicubic", "none")]
    assert ALL.arrange([NONE, BICUBIC, GFPGAN, OWN], wanted) == []


def test_all_are_judged_together_from_so_many_on():
    assert ALL.arrange([NONE, BICUBIC, GFPGAN]) == []
    assert ALL.arrange([BICUBIC, NONE, GFPGAN, OWN]) == [("none", "bicubic", "gfpgan", "mine")]


def test_nothing_gives_no_test():
    assert EACH.arrange([]) == ALL.arrange([]) == []


@given(st.permutations([NONE, BICUBIC, LANCZOS, SMALL, LARGE, GFPGAN, GREY, WIDE, OWN]))
def test_the_order_of_the_profile_changes_no_test(arms):
    for ablation in (EACH, TWINS):
        tests = ablation.arrange(arms)
        assert sorted(tests) == sorted(ablation.arrange(sorted(arms, key=lambda arm: arm.name)))
        assert {test[0] for test in tests} == {arm.name for arm in arms} - {"none"}
        assert all(test[-1] == "none" and len(set(test)) == len(test) for test in tests)
