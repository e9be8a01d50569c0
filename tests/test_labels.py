import doctest
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.labels import LabelMap, LabelSpace, affect, label_map, label_space, label_spaces

ALL = label_spaces()


@st.composite
def maps(draw: st.DrawFn, source: LabelSpace | None = None) -> LabelMap:
    """Any map: some labels dropped, some merged, some targets unreached."""
    if source is None:
        source = LabelSpace.of("source", tuple(f"s{i}" for i in range(draw(st.integers(1, 6)))))
    target = LabelSpace.of("target", tuple(f"t{i}" for i in range(draw(st.integers(1, 6)))))
    goals = draw(
        st.lists(st.none() | st.sampled_from(target.labels), min_size=len(source), max_size=len(source))
    )
    pairs = tuple((old, new) for old, new in zip(source.labels, goals, strict=True) if new is not None)
    return LabelMap(source, target, tuple(draw(st.permutations(pairs))))


# Spaces


def test_published_orders_differ_where_the_files_differ() -> None:
    assert label_space("fer2013").labels[4:] == ("sad", "surprise", "neutral")
    assert label_space("fer2013-folder").labels == tuple(sorted(label_space("fer2013").labels))
    assert label_space("clip_benchmark").index("sad") == 5
    assert label_space("rafdb").labels[1 - 1] == "surprise"
    assert label_space("rafdb").labels[7 - 1] == "neutral"
    assert len(label_space("ferplus")) == 10


@pytest.mark.parametrize("name", ALL)
def test_every_label_resolves_to_itself_in_any_case(name: str) -> None:
    space = label_space(name)
    for label in space.labels:
        assert space.resolve(label) == label
        assert space.resolve(f"  {label.upper()} ") == label
        assert space.labels[space.index(label)] == label


@pytest.mark.parametrize(
    ("space", "text", "label"),
    [
        ("fer2013", "Happiness", "happy"),
        ("clip_benchmark", "surprise", "surprised"),
        ("ekman7", "ANGRY", "anger"),
        ("emotion6", "happy", "joy"),
        ("abstract", "contentment", "content"),
        ("ferplus", "not_a_face", "NF"),
    ],
)
def test_synonyms_resolve(space: str, text: str, label: str) -> None:
    assert label_space(space).resolve(text) == label


@pytest.mark.parametrize("text", ["unhappy", "", "happyness", "contempt", "happy sad"])
def test_what_a_space_cannot_say_is_an_error_that_lists_what_it_can(text: str) -> None:
    with pytest.raises(UsageError, match="angry, disgust, fear, happy, sad, surprise, neutral"):
        label_space("fer2013").resolve(text)


def test_index_is_exact() -> None:
    with pytest.raises(UsageError, match=r"'Happy'.*fer2013"):
        label_space("fer2013").index("Happy")


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'fer'.*fer2013, fer2013-folder"):
        label_space("fer")
    with pytest.raises(UsageError, match=r"'v0'.*v1"):
        affect("v0")
    with pytest.raises(UsageError, match=r"'plutchik'.*ekman"):
        label_map("mikels8", "ekman6", coarsening="plutchik")


@pytest.mark.parametrize("labels", [(), ("sad", "sad"), ("joy", "happy")])
def test_a_space_needs_labels_that_differ_in_meaning(labels: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="mine"):
        LabelSpace.of("mine", labels)


def test_concepts_of_a_user_space_are_shared_where_known() -> None:
    mine = LabelSpace.of("mine", ("Bored", "Joyful"))
    assert mine.concepts == ("bored", "happiness")
    assert label_map(mine, "fer2013").pairs == (("Joyful", "happy"),)


# Maps


def test_csv_and_folder_order_are_permutations_of_each_other() -> None:
    there = label_map("fer2013", "fer2013-folder")
    assert there.codes(range(7)).tolist() == [0, 1, 2, 3, 5, 6, 4]
    assert not there.dropped
    assert not there.merged


def test_ferplus_to_fer2013_says_what_it_drops() -> None:
    assert label_map("ferplus", "fer2013").dropped == ("contempt", "unknown", "NF")
    assert label_map("fer2013", "ferplus").unreached == ("contempt", "unknown", "NF")


def test_a_coarsening_merges_and_drops_by_name_only() -> None:
    plain = label_map("mikels8", "ekman6")
    coarse = label_map("mikels8", "ekman6", coarsening="ekman")
    assert plain.unreached == ("happiness", "surprise")
    assert coarse.merged == {"happiness": ("amusement", "contentment", "excitement")}
    assert coarse.dropped == ("awe",)
    with pytest.raises(UsageError, match=r"'happiness'.*`merge` or `drop`"):
        label_map("ekman6", "mikels8", coarsening="ekman")


def test_spaces_without_a_common_concept_have_no_map() -> None:
    with pytest.raises(UsageError, match="share no concept"):
        label_map(LabelSpace.of("mine", ("bored",)), "fer2013")


@pytest.mark.parametrize("source", ALL)
def test_packaged_maps_keep_the_meaning(source: str) -> None:
    for target in ALL:
        mapping = label_map(source, target)
        start, end = mapping.source, mapping.target
        for old, new in mapping.pairs:
            assert start.concepts[start.index(old)] == end.concepts[end.index(new)]
        assert len(mapping.pairs) + len(mapping.dropped) == len(mapping.source)
        assert label_map(target, source).dropped == mapping.unreached


@settings(deadline=None)
@given(maps())
def test_there_and_back_is_the_identity_on_what_is_kept(mapping: LabelMap) -> None:
    merged = {old for olds in mapping.merged.values() for old in olds}
    lost = {*mapping.dropped, *merged}
    back = mapping.then(mapping.inverse())
    for label in mapping.source.labels:
        assert back.apply([label]) == [None if label in lost else label]
    assert set(back.dropped) == lost


@settings(deadline=None)
@given(maps())
def test_every_label_is_kept_merged_or_dropped(mapping: LabelMap) -> None:
    merged = [old for olds in mapping.merged.values() for old in olds]
    kept = [label for label in mapping.inverse().apply(mapping.target.labels) if label is not None]
    assert sorted([*mapping.dropped, *merged, *kept]) == sorted(mapping.source.labels)
    assert mapping.unreached == tuple(
        label for label in mapping.target.labels if label not in mapping.apply(mapping.source.labels)
    )


@settings(deadline=None)
@given(st.data())
def test_composition_is_one_map_after_the_other(data: st.DataObject) -> None:
    first = data.draw(maps())
    second = data.draw(maps(first.target))
    labels = [*first.source.labels, None]
    assert first.then(second).apply(labels) == second.apply(first.apply(labels))


@settings(deadline=None)
@given(maps(), st.integers(0, 2**32 - 1))
def test_scores_lose_the_mass_of_dropped_labels_and_no_other(mapping: LabelMap, seed: int) -> None:
    scores = np.random.default_rng(seed).dirichlet(np.ones(len(mapping.source)), size=5)
    lost = scores[:, [mapping.source.index(label) for label in mapping.dropped]].sum(axis=1)
    mapped = mapping.scores(scores)
    assert mapped.shape == (5, len(mapping.target))
    np.testing.assert_allclose(mapped.sum(axis=1), 1 - lost, atol=1e-12)
    # A sure answer maps as its label does.
    sure = mapping.scores(np.eye(len(mapping.source)))
    for label, row in zip(mapping.apply(mapping.source.labels), sure, strict=True):
        assert row.sum() == (label is not None)
        assert label is None or row[mapping.target.index(label)] == 1


@settings(deadline=None)
@given(maps(), st.data())
def test_codes_follow_labels_and_leave_invalid_answers_invalid(
    mapping: LabelMap, data: st.DataObject
) -> None:
    answers = data.draw(st.lists(st.integers(-1, len(mapping.source) - 1), max_size=8))
    labels = [None if answer < 0 else mapping.source.labels[answer] for answer in answers]
    mapped = mapping.apply(labels)
    expected = [-1 if label is None else mapping.target.index(label) for label in mapped]
    assert mapping.codes(answers).tolist() == expected


def test_wrong_arguments_of_maps() -> None:
    space = label_space("fer2013")
    mapping = label_map("fer2013", "ekman7")
    with pytest.raises(UsageError, match="two places"):
        LabelMap(space, space, (("sad", "sad"), ("sad", "angry")))
    with pytest.raises(UsageError, match="'sadness'"):
        LabelMap(space, space, (("sad", "sadness"),))
    with pytest.raises(UsageError, match=r"shape \(N, 7\)"):
        mapping.scores(np.ones((3, 8)))
    with pytest.raises(UsageError, match="-2 to 3"):
        mapping.codes([-2, 3])
    with pytest.raises(UsageError, match="'bored'"):
        mapping.apply(["sad", "bored"])
    with pytest.raises(UsageError, match=r"ekman7.*fer2013"):
        mapping.then(mapping)


# Affect


def test_affect_covers_every_concept_of_every_space_once() -> None:
    table = affect("v1")
    concepts = {concept for name in ALL for concept in label_space(name).concepts}
    assert set(table.sentiments) == set(table.arousals) == concepts
    assert set(table.sentiments.values()) == {"positive", "negative", "neither"}
    assert set(table.arousals.values()) == {"high", "low", "neither"}


def test_affect_v1_is_the_published_split() -> None:
    table = affect()
    assert table.version == "v1"
    mikels = label_space("mikels8").concepts
    signs = {"positive": "+", "negative": "-"}
    assert "".join(signs[table.sentiment(concept)] for concept in mikels) == "+-++-+--"
    assert [concept for concept in mikels if table.arousal(concept) == "low"] == ["contentment", "sadness"]
    assert table.sentiment("surprise") == table.sentiment("neutral") == "neither"
    assert (table.arousal("surprise"), table.arousal("neutral")) == ("high", "low")
    with pytest.raises(UsageError, match="'bored'"):
        table.arousal("bored")


@pytest.mark.parametrize("module", ["labels.space", "labels.mapping", "labels.affect", "datasets.listing"])
def test_docstring_examples(module: str) -> None:
    result = doctest.testmod(import_module(f"harness.{module}"))
    assert result.attempted
    assert not result.failed
