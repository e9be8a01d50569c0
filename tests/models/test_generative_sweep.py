"""Log-likelihoods of the sweep are those of the plain forward pass, and it costs what it promises."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import pytest
import tiny_vlms
import torch
from tiny_vlms import pictures, save_llava, save_llava_next, save_qwen2_vl
from transformers import Qwen2Tokenizer
from vlm_questions import LABELS, MIXED, ask, load, plainly

from harness.errors import HarnessWarning, ModelError
from harness.models.generative import LoadedVlm, room
from harness.models.generative import sweep as sweep_module
from harness.models.generative.pictures import rgb
from harness.models.generative.prefix import Prefix
from harness.tools.slow_paths import SlowPath, noting

pytestmark = pytest.mark.filterwarnings("error::harness.errors.HarnessWarning")

# Squares, a tall and a wide one: LLaVA-NeXT and Qwen2-VL give each shape another number of tokens.
IMAGES = pictures((48, 48), (90, 40, 3), (48, 48, 3), (40, 100))


@pytest.fixture(params=[save_llava, save_llava_next, save_qwen2_vl], ids=["llava", "llava_next", "qwen2_vl"])
def model(request, tmp_path) -> LoadedVlm:
    return load(request.param(tmp_path / "model"))


@pytest.fixture
def llava(tmp_path) -> LoadedVlm:
    return load(save_llava(tmp_path / "model"))


def test_orders_subsets_letters_prefills_systems_and_languages_in_one_sweep(model):
    scores = model.score(IMAGES, MIXED)
    assert [s.shape for s in scores] == [(len(IMAGES), len(q.answers)) for q in MIXED]
    for row, image in ((1, IMAGES[1]), (3, IMAGES[3])):
        for ours, question in zip(scores, MIXED, strict=True):
            np.testing.assert_allclose(ours[row], plainly(model, question, image), atol=1e-4)


def test_images_and_orders_are_told_apart(model):
    forward, backward = model.score(IMAGES, [ask(), ask(LABELS[::-1])])
    assert forward.std(axis=0).min() > 0.01
    assert np.abs(forward - backward[:, ::-1]).max() > 0.01


def test_a_batch_answers_as_each_image_alone_does(model):
    together = model.score(IMAGES, MIXED[:6])
    for row, image in enumerate(IMAGES):
        for ours, alone in zip(together, model.score([image], MIXED[:6]), strict=True):
            np.testing.assert_allclose(ours[row], alone[0], atol=1e-4)


def test_normalised_scores_are_divided_by_the_tokens_of_each_answer(model):
    answers = ("happy", "sad person", "一", "neutral face of a person")
    raw, per_token = model.score(
        IMAGES[:1], [ask(LABELS[:4], answers=answers, normalise=normalise) for normalise in (False, True)]
    )
    counts = {"happy": 1, "sad person": 2, "一": 4, "neutral face of a person": 5}
    if isinstance(model.encoder.processor.tokenizer, Qwen2Tokenizer):
        counts["一"] = 3  # sentencepiece has a space before its three bytes
    np.testing.assert_allclose(raw[0] / per_token[0], list(counts.values()), rtol=1e-5)


@pytest.mark.parametrize("tokens", [1, 40, 150])
def test_passes_of_any_size_give_the_same(model, monkeypatch, tokens):
    expected = model.score(IMAGES, MIXED)
    monkeypatch.setattr(room, "PASS_ELSEWHERE", tokens)
    for ours, whole in zip(model.score(IMAGES, MIXED), expected, strict=True):
        np.testing.assert_allclose(ours, whole, atol=1e-4)


def test_where_the_prompt_merges_with_one_answer_all_are_scored_from_there(tmp_path, monkeypatch):
    monkeypatch.setattr(
        tiny_vlms, "llama_tokenizer", partial(tiny_vlms.llama_tokenizer, words=f"{tiny_vlms.WORDS} [happy")
    )
    model = load(save_llava(tmp_path / "model"))
    question = ask(("happy", "sad"), prefill="face [")
    tokens = model.encoder.processor.tokenizer.tokenize
    assert tokens("face [happy") == ["▁face", "▁[happy"]
    assert tokens("face [") == ["▁face", "▁", "["] == tokens("face [sad")[:3]
    (scores,) = model.score(IMAGES[:1], [question])
    prompt = model.chat.prompt(question)
    inputs = model.encoder.inputs(prompt, rgb(IMAGES[0]))
    with torch.no_grad():
        logits = model.model(**inputs).logits[0].log_softmax(-1)
    vocabulary = model.encoder.processor.tokenizer.get_vocab()
    # After "face", which all share: "▁[happy" at once, or "▁", "[" and then "sad".
    happy, *sad = (
        logits[at, vocabulary[t]].item() for at, t in [(-3, "▁[happy"), (-3, "▁"), (-2, "["), (-1, "sad")]
    )
    np.testing.assert_allclose(scores[0], [happy, sum(sad)], atol=1e-4)


def test_one_vision_encode_and_two_passes_for_each_batch_of_images_alike(model, monkeypatch):
    orders = [ask(LABELS[shift:] + LABELS[:shift]) for shift in range(7)]
    same = pictures((48, 48), (48, 48), (48, 48))
    model.score(same, orders)
    encoded, passes = [], []
    vision, forward = model.model.model.get_image_features, model.model.forward

    def watched_forward(**inputs):
        passes.append(inputs["input_ids"].shape)
        return forward(**inputs)

    monkeypatch.setattr(
        model.model.model, "get_image_features", lambda *a, **k: encoded.append(1) or vision(*a, **k)
    )
    monkeypatch.setattr(model.model, "forward", watched_forward)
    model.score(same, orders)
    assert len(encoded) == 1
    assert [rows for rows, _ in passes] == [3, 3]
    prompt = model.encoder.inputs(model.chat.prompt(orders[0]), rgb(same[0]))["input_ids"].shape[1]
    # The packed pass reads 7 endings of the prompt and no answer, whose only token is scored, not read; and
    # up to 7 tokens that make the whole a multiple of eight.
    assert passes[1][1] <= 7 * (prompt - passes[0][1]) + 7


def test_questions_first_asked_about_different_images_are_one_sweep(model, monkeypatch):
    model.score(pictures((48, 48)), [ask()])
    encoded = []
    vision = model.model.model.get_image_features
    monkeypatch.setattr(
        model.model.model, "get_image_features", lambda *a, **k: encoded.append(1) or vision(*a, **k)
    )
    model.score(pictures((90, 40)), [ask(), ask(LABELS[::-1])])
    assert len(encoded) == 1


def test_images_of_as_many_tokens_in_another_grid_keep_their_own_positions(tmp_path):
    model = load(save_qwen2_vl(tmp_path / "model"))
    images = pictures((56, 168), (84, 112))
    inputs = [model.encoder.inputs(model.chat.prompt(ask()), rgb(image)) for image in images]
    assert inputs[0]["input_ids"].shape == inputs[1]["input_ids"].shape
    assert inputs[0]["image_grid_thw"].tolist() != inputs[1]["image_grid_thw"].tolist()
    (scores,) = model.score(images, [ask()])
    for row, image in enumerate(images):
        np.testing.assert_allclose(scores[row], plainly(model, ask(), image), atol=1e-4)


class TestFallback:
    """Where sharing is impossible or wrong, answers are right all the same, and one note says so."""

    def check(self, model: LoadedVlm, why: str) -> None:
        questions = [ask(), ask(LABELS[::-1], normalise=True)]
        with pytest.warns(HarnessWarning, match=f"goes without sweep .unfit.: .*{why}") as caught:
            scores = model.score(IMAGES[:2], questions)
        assert len(caught) == 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            again = model.score(IMAGES[:2], questions)
        for row, image in enumerate(IMAGES[:2]):
            np.testing.assert_allclose(scores[0][row], plainly(model, questions[0], image), atol=1e-4)
        np.testing.assert_array_equal(scores[1], again[1])

    def test_a_mask_that_is_ignored_is_noticed(self, llava, monkeypatch):
        read_trie = Prefix.read_trie

        def blind(prefix, trie, seen, nodes):
            return read_trie(prefix, trie, np.tri(len(seen), dtype=bool), nodes)

        monkeypatch.setattr(Prefix, "read_trie", blind)
        self.check(llava, "its log-probabilities differ by .* from those of the plain forward pass")

    def test_a_sweep_that_raises_where_the_model_works_is_an_error_that_is_noted(self, llava, monkeypatch):
        def refuse(*_):
            raise TypeError("forward() got an unexpected\nkeyword argument")

        monkeypatch.setattr(Prefix, "of", refuse)
        notes: dict[SlowPath, None] = {}
        for _ in range(2):  # it is not forgotten
            with noting("my-llava", notes), pytest.raises(ModelError) as caught:
                llava.score(IMAGES[:2], [ask()])
            assert "is broken (TypeError: forward() got an unexpected keyword argument)" in str(caught.value)
            assert "sweep = false" in str(caught.value)
        (noted,) = notes
        assert (noted.model, noted.path, noted.kind) == ("my-llava", "sweep", "error")
        assert "in refuse" in noted.traceback

    def test_an_image_that_fails_either_way_is_left_to_the_runner(self, llava, monkeypatch):
        inputs, notes = llava.encoder.inputs, {}

        def odd(text, picture):
            if picture.size == (90, 40):
                raise ValueError("image is odd")
            return inputs(text, picture)

        monkeypatch.setattr(llava.encoder, "inputs", odd)
        with noting("llava", notes), pytest.raises(ValueError, match="image is odd"):
            llava.score(pictures((48, 48), (40, 90)), [ask()])
        assert notes == {}

    def test_a_model_that_is_told_so_reads_plainly_from_the_start(self, llava, monkeypatch):
        notes: dict[SlowPath, None] = {}
        with noting("llava", notes):
            told = LoadedVlm(llava.model, llava.encoder.processor, "x", sweep=False)
        assert [(one.model, one.kind) for one in notes] == [("llava", "chosen")]
        swept, written = llava.score(IMAGES[:2], [ask()]), llava.generate(IMAGES[:1], [ask(max_tokens=4)])
        monkeypatch.setattr(Prefix, "of", None)
        np.testing.assert_allclose(told.score(IMAGES[:2], [ask()])[0], swept[0], atol=1e-4)
        assert told.generate(IMAGES[:1], [ask(max_tokens=4)])[0][0].text == written[0][0].text

    def test_scores_that_are_not_numbers_are_noticed(self, llava, monkeypatch):
        nothing = lambda *_: np.full((2, 14), np.nan, np.float32)  # noqa: E731
        monkeypatch.setattr(sweep_module, "packed_scores", nothing)
        self.check(llava, "differ by nan")

    def test_an_unknown_image_token_is_read_plainly(self, llava):
        llava.encoder._image_token = None
        self.check(llava, "its image token is unknown")

    def test_memory_is_left_to_the_runner(self, llava, monkeypatch):
        def exhausted(*_):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

        monkeypatch.setattr(Prefix, "of", exhausted)
        with pytest.raises(torch.OutOfMemoryError):
            llava.score(IMAGES, [ask()])
        monkeypatch.undo()
        assert llava.score(IMAGES, [ask()])[0].shape == (4, 7)

    def test_an_image_that_fails_later_is_left_to_the_runner(self, llava, monkeypatch):
        llava.score(IMAGES, [ask()])

        def broken(*_):
            raise ValueError("image is odd")

        monkeypatch.setattr(Prefix, "of", broken)
        with pytest.raises(ValueError, match="image is odd"):
            llava.score(IMAGES, [ask()])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_sweeps_too_and_agrees_with_single(tmp_path, dtype):
    folder = save_llava(tmp_path / "model")
    half, single = load(folder, dtype), load(folder)
    for ours, exact in zip(half.score(IMAGES, MIXED[:4]), single.score(IMAGES, MIXED[:4]), strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, exact, atol=0.5)
