"""Every claim runs on tiny models of every family, through the suite, the store and judging."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_clip import save_clip
from tiny_vlms import save_llava, save_llava_next, save_qwen2_vl

from harness.judging import Evaluation
from harness.labels import label_space
from harness.predictions import Predictions
from harness.reporting import write_report
from harness.runs import Recorder, claim_entry, record_predictions
from harness.settings import Settings
from harness.suite import ClaimCell, Expectation, Filters, Suite

pytestmark = pytest.mark.xdist_group("vlm claims")  # one worker builds and asks the models

LABELS = label_space("fer2013").labels
IMAGES_PER_LABEL = 2
PUBLISHED = """model,family,dataset:split,restoration,n,metric,value,source,note
vlm,vlm,faces:test,none,14,accuracy,0.14,paper,
"""
GENERATIVE = ("llava", "llava-next", "qwen2-vl")
SUITE = """
published = "published.csv"
[profiles.default]
datasets = ["faces:test"]
prompts = ["*"]
[datasets.faces]
adapter = "images"
space = {labels}
[prompts.plain]
max_tokens = 4
[prompts.orders]
order = "williams-7"
mode = "score"
[prompts.six]
form = "six"
max_tokens = 4
[prompts.two-stage]
form = "two-stage"
max_tokens = 4
[prompts.open]
labels = "absent"
max_tokens = 4
[prompts.cheerful]
persona = "positive"
max_tokens = 4
[prompts.gloomy]
persona = "negative"
max_tokens = 4
[prompts.json]
answer = "json"
max_tokens = 8
[prompts.thoughtful]
answer = "json"
reasoning = "chain-of-thought"
max_tokens = 8
[prompts.scored-stages]
form = "two-stage"
mode = "score"
[prompts.four]
order = "permutations-4"
subset = ["anger", "happiness", "sadness", "neutral"]
mode = "score"
[prompts.paper]
max_tokens = 4
{models}
[models.cnn]
adapter = "predictions_csv"
path = "cnn.csv"
[claims.cnn_beats_vlm]
prompts = ["plain"]
[claims.reproduces_published]
[claims.label_order_bias]
[claims.neutral_collapse]
prompts = ["plain", "six", "two-stage"]
[claims.no_label_degradation]
[claims.persona_shifts_sentiment]
[claims.reasoning_helps]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """Fourteen images, four checkpoints and a suite."""
    folder = tmp_path_factory.mktemp("vlms")
    draw = np.random.default_rng(0)
    for label in LABELS:
        for serial in range(IMAGES_PER_LABEL):
            path = folder / "data/faces/test" / label / f"{serial}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw.integers(0, 256, (48, 48), np.uint8)).save(path)
    names = [f"test/{label}/{serial}.png,{label}" for label in LABELS for serial in range(IMAGES_PER_LABEL)]
    (folder / "cnn.csv").write_text("\n".join(["sample_id,label", *names]))
    (folder / "published.csv").write_text(PUBLISHED)
    entries = {"clip": {"adapter": "open_clip", "published_as": "vlm", **save_clip(folder / "clip")}}
    for name, save in zip(GENERATIVE, (save_llava, save_llava_next, save_qwen2_vl), strict=True):
        model = str(save(folder / name))
        entries[name] = {"adapter": "transformers", "published_as": "vlm", "model": model}
    models = "\n".join(
        "\n".join([f"[models.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in entry.items())])
        for name, entry in entries.items()
    )
    (folder / "suite.toml").write_text(SUITE.format(labels=json.dumps(LABELS), models=models))
    return folder


def start(project: Path) -> Evaluation:
    settings = Settings(
        data_root=project / "data", store=project / "store", device="cpu", replicates=200, batch_size=8
    )
    suite = Suite.read(project / "suite.toml")
    profile = suite.profile("default")
    tests = [test for claim in suite.claims for test in suite.claim_cells(claim, profile, Filters())]
    return Evaluation(suite, settings, "default", suite.cells(profile, Filters()), tests)


@pytest.fixture(scope="module")
def evaluation(project) -> Evaluation:
    """An evaluation that has judged everything."""
    evaluation = start(project)
    for test in claim_tests(evaluation):
        evaluation.verdict(test)
    return evaluation


def claim_tests(evaluation: Evaluation, *claims: str) -> list[ClaimCell]:
    """The tests of some claims, or of all."""
    return [
        test
        for (claim, _), family in evaluation.families.items()
        for test in family
        if not claims or claim in claims
    ]


def cells(evaluation: Evaluation, model: str, *prompts: str) -> list[Predictions]:
    planned = {cell.prompt: cell for cell in evaluation.cells if cell.model == model}
    return [evaluation.evidence.predictions(planned[prompt]) for prompt in prompts]


@pytest.mark.parametrize("model", ["clip", *GENERATIVE])
def test_every_claim_is_judged_on_every_family(evaluation, model):
    judged = {
        (test.claim, test.condition.rpartition("/")[2]): evaluation.verdict(test)
        for test in claim_tests(evaluation)
        if model in [side.model for side in test.cells]
    }
    assert set(judged) == {
        ("cnn_beats_vlm", "plain"),
        ("reproduces_published", "paper"),
        ("label_order_bias", "orders"),
        ("label_order_bias", "four"),
        ("neutral_collapse", "plain-vs-six-vs-two-stage"),
        ("no_label_degradation", "plain-vs-open"),
        ("persona_shifts_sentiment", "plain-vs-cheerful-vs-gloomy"),
        ("reasoning_helps", "json-vs-thoughtful"),
    }
    for (claim, prompts), verdict in judged.items():
        assert verdict.n == (8 if prompts == "four" else 14), claim
        assert verdict.effect.low <= verdict.effect.value <= verdict.effect.high


def test_each_model_is_loaded_once_and_a_second_run_loads_none(project, evaluation):
    assert evaluation.evidence.report.loads["answer"] == dict.fromkeys(("clip", *GENERATIVE), 1)
    again = start(project)
    for test in claim_tests(again):
        assert again.verdict(test) == evaluation.verdict(test), test
    assert not again.evidence.report.loads["answer"]


def test_clip_cannot_see_order_persona_or_reasoning(evaluation):
    for claim in ("label_order_bias", "persona_shifts_sentiment", "reasoning_helps"):
        tests = [test for test in claim_tests(evaluation, claim) if test.cells[0].model == "clip"]
        assert {evaluation.verdict(test).effect.value for test in tests} == {0.0}


def test_clip_keeps_one_embedding_per_image(project, evaluation):
    identity = evaluation.bench.model("clip").identity("cpu", "float32")
    stored = evaluation.bench.store.read(identity)
    assert len(stored) == 14 + 1  # and the empty image
    assert np.linalg.norm(np.stack(stored["embedding"]), axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("model", GENERATIVE)
def test_scored_prompts_give_probabilities_of_all_labels(evaluation, model):
    (scored,) = cells(evaluation, model, "orders.03")
    assert scored.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (scored.probabilities.argmax(axis=1) == scored.answers).all()
    assert sum(scored.content_free.values()) == pytest.approx(1, abs=1e-5)
    assert scored.prompt.order == "williams-7.3"


@pytest.mark.parametrize("model", GENERATIVE)
def test_the_text_that_a_model_reads_is_part_of_the_key(evaluation, snapshot, model):
    task = evaluation.bench.dataset("faces", "test").task
    respondent, prompts = evaluation.bench.respondent(model), evaluation.suite.prompts
    asked = {name: respondent.asked(found.prompt, task) for name, found in prompts.items()}
    read = {name: asked[name][-1].identity.messages[0] for name in ("plain", "gloomy", "orders.02")}
    assert read == snapshot
    questions = {one.question for several in asked.values() for one in several}
    keys = {one.identity.digest() for several in asked.values() for one in several}
    assert len(keys) == len(questions)


@pytest.mark.parametrize("model", GENERATIVE)
def test_two_scored_stages_make_one_distribution(evaluation, model):
    (staged,) = cells(evaluation, model, "scored-stages")
    assert staged.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("model", GENERATIVE)
def test_written_answers_keep_their_text_and_are_parsed_or_said_not_to_be(evaluation, model):
    (written,) = cells(evaluation, model, "plain")
    assert len(written) == 14
    assert written.table["raw_text"].notna().all()
    assert set(written.table["outcome"]) <= {"parsed", "out_of_vocabulary", "refusal", "unparsable"}
    cut = written.table["reason"].fillna("").str.contains("cut off at 4 tokens")
    assert (written.table["outcome"][cut] == "unparsable").all()


def test_an_open_list_of_words_is_placed_by_similarity(evaluation):
    (placed,) = cells(evaluation, "clip", "open")
    words = placed.table["raw_text"]
    named = words.isin(LABELS).to_numpy()
    assert (placed.table["label"][named] == words[named]).all()
    assert np.isfinite(placed.table[[f"score_{label}" for label in LABELS]].to_numpy()).all()


def test_a_prompt_on_four_labels_asks_about_their_images_alone(evaluation):
    (four,) = cells(evaluation, "llava", "four.07")
    assert set(four.table["gold"]) == {"angry", "happy", "sad", "neutral"}
    assert (four.probabilities[:, [1, 2, 5]] == 0).all()  # disgust, fear and surprise are not asked for


def test_predictions_survive_a_round_trip_through_a_file(evaluation, tmp_path):
    (scored,) = cells(evaluation, "llava", "orders.01")
    scored.write(tmp_path / "cell.parquet")
    read = Predictions.read(tmp_path / "cell.parquet")
    assert read.prompt == scored.prompt
    assert read.content_free == scored.content_free
    assert (read.answers == scored.answers).all()


def test_the_report_shows_prompts_and_classes_that_were_not_asked_for(evaluation, tmp_path):
    recorder = Recorder(tmp_path / "reports" / "one", {"command": "pytest evals", "alpha": 0.05, "seed": 0})
    kept = [
        record_predictions(recorder.run, predictions, "generative")
        for predictions in cells(evaluation, "llava", "plain", "four.07")
    ]
    claims = [
        claim_entry(
            evaluation.verdict(test), Expectation(), "A hypothesis.", f"test_claims[{test.claim}/{test}]"
        )
        for test in claim_tests(evaluation)
    ]
    for claim in claims:
        recorder.add({"claim": claim, "cells": kept})
    recorder.write(evaluation.suite)
    page = write_report(recorder.run).read_text(encoding="utf-8")
    assert "faces:test/none/four.07" in page
    assert "The smallest effect that counts is 0.05" in page
    assert kept[0]["tokens_out"] > 0
