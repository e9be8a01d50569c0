"""A plan holds what the store lacks, in the order in which it is done, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from evaluating import project
from tiny_suite import NO_CLIP, SUITE, Reader, write_images

from harness.engine import Bench, Embedding, Evidence, Local, Plan, Source, make_plan
from harness.errors import UsageError
from harness.identity import Identity
from harness.predictions import Cell

TEXT = (
    SUITE
    + NO_CLIP
    + """
[models.eye]
adapter = "test_plan:Eye"
[prompts.plain]
[prompts.two]
subset = ["anger", "happiness"]
[prompts.scored]
mode = "score"
[restorations.nearest-8]
adapter = "nearest"
size = 8
[restorations.broken]
adapter = "gfpgan"
weights = "absent.pth"
"""
)
TEST, TRAIN = Source("tiny", "test"), Source("tiny", "train")
Jobs = list[tuple[str, str, Source, int | None]]


class Eye:
    """A contrastive model."""

    capability, labels, trained_on, correct, logit_scale = "contrastive", (), None, None, 10.0

    def __init__(self, *, context) -> None:
        self.correct = {}

    def identity(self, device: str, dtype: str) -> Identity:
        return Identity(model="test:eye", weights="", dtype=dtype, device=device)

    def load(self, device: str, dtype: str) -> Eye:
        return self

    def embed_images(self, images) -> np.ndarray:
        return np.array([[1.0, image[0, 0], image[0, 1]] for image in images], np.float32)

    def embed_texts(self, texts) -> np.ndarray:
        return np.array([[1.0, len(text), 0.0] for text in texts], np.float32)


@pytest.fixture
def opened(tmp_path: Path):
    """A bench of the tiny suite; each call is a new process as far as it can tell."""
    start = partial(project, tmp_path, TEXT)
    return lambda **settings: Bench(*start(**settings))


def good(split: str = "test", restoration: str = "none", model: str = "good") -> Cell:
    return Cell(model, "tiny", split, restoration)


def eye(prompt: str, restoration: str = "none") -> Cell:
    return Cell("eye", "tiny", "test", restoration, prompt)


def jobs(plan: Plan) -> Jobs:
    return [(job.stage, job.worker, job.source, job.missing) for job in plan.jobs]


def test_it_holds_what_the_store_lacks_and_nothing_else(opened, tmp_path):
    cells = [good(), good("train"), good()]
    plan = make_plan(opened(), cells)
    assert jobs(plan) == [("answer", "good", TEST, 90), ("answer", "good", TRAIN, 30)]
    Local(bench := opened()).run(make_plan(bench, [good("train")]))
    assert jobs(make_plan(opened(), cells)) == [("answer", "good", TEST, 90)]
    Local(bench := opened()).run(make_plan(bench, cells))
    write_images(tmp_path / "data" / "tiny", "test", [120, 121])
    assert jobs(make_plan(opened(), cells)) == [("answer", "good", TEST, 2)]


def test_a_warm_plan_is_empty_and_making_one_loads_nothing(opened):
    cells = [good(), good(restoration="nearest-8"), eye("plain"), eye("scored")]
    bench = opened()
    assert make_plan(bench, cells)
    assert Reader.loads == {}
    assert not (bench.settings.store).exists()
    Local(bench).run(make_plan(bench, cells))
    warm = make_plan(opened(), cells)
    assert (warm.jobs, list(warm.stages()), bool(warm)) == ((), [], False)
    assert warm.restored == (Source("tiny", "test", restoration="nearest-8"),)


def test_restorers_come_first_and_jobs_of_one_worker_follow_each_other(opened):
    cells = [
        good(restoration="nearest-8"),
        good(model="middling"),
        good("train", "bicubic"),
        good("train"),
        good("train", "nearest-8"),
        good(model="middling", restoration="bicubic"),
    ]
    plan = make_plan(opened(), cells)
    assert [(job.stage, job.worker) for job in plan.jobs] == [
        *[("restore", "bicubic")] * 2,
        *[("restore", "nearest-8")] * 2,
        *[("answer", "good")] * 4,
        *[("answer", "middling")] * 2,
    ]
    stages = [[(name, len(some)) for name, some in stage] for stage in plan.stages()]
    assert stages == [[("bicubic", 2), ("nearest-8", 2)], [("good", 4), ("middling", 2)]]
    # What a model sees of pictures that are not restored yet is known then.
    of_models = [job for job in plan.jobs if job.stage == "answer"]
    assert {job.missing for job in of_models if job.source.restoration != "none"} == {None}


def test_all_questions_about_the_same_pictures_are_one_job(opened):
    plan = make_plan(opened(), [eye("plain"), eye("two"), eye("scored"), good()])
    assert [(job.worker, job.source, len(job.asked)) for job in plan.jobs] == [
        ("eye", TEST, 2),
        ("eye", Source("tiny", "test", ("anger", "happiness")), 1),
        ("eye", TEST.blank, 1),
        ("good", TEST, 1),
    ]


def test_a_prompt_about_some_labels_is_about_their_pictures(opened):
    (job,) = make_plan(opened(), [eye("two")]).jobs
    assert job.source == Source("tiny", "test", ("anger", "happiness"))
    assert job.missing == 60 + 1  # pictures, and the words of its classes


def test_embeddings_and_answers_of_one_model_are_one_worker(opened):
    bench = opened()
    wanted = [Embedding("eye", TEST), Embedding("good", TEST), Embedding("eye", TRAIN)]
    plan = make_plan(bench, [good(), eye("plain")], wanted)
    assert [(job.worker, job.source.split) for job in plan.jobs] == [
        ("good", "test"),
        ("eye", "test"),
        ("eye", "train"),
    ]
    report = Local(bench).run(plan)
    assert report.loads["answer"] == {"good": 1, "eye": 1}
    # A network's features are kept beside its answers; those of eye are what its answers come from.
    assert [len(job.asked) for job in plan.jobs] == [2, 1, 1]


def test_where_labels_are_scored_an_empty_picture_is_shown_too(opened):
    plan = make_plan(opened(), [eye("scored", "nearest-8")])
    restored = Source("tiny", "test", restoration="nearest-8")
    assert [(job.stage, job.source, job.missing) for job in plan.jobs] == [
        ("restore", restored, 90),
        ("restore", restored.blank, 1),
        ("answer", restored, None),
        ("answer", restored.blank, None),
    ]
    assert set(plan.restored) == {restored, restored.blank}


def test_the_empty_picture_passes_the_restorer(opened):
    bench, cell = opened(), eye("scored", "nearest-8")
    evidence = Evidence(bench, Local(bench).run(make_plan(bench, [cell])))
    grey = bench.images(Source("tiny", "test", restoration="nearest-8", empty=True))
    assert grey.pixels(0).tolist() == [[128] * 8] * 8
    found = evidence.predictions(cell).content_free
    assert list(found) == ["angry", "happy", "sad"]
    assert sum(found.values()) == pytest.approx(1)


class TestWhatCannotBeHad:
    """It has no job, keeps nothing else from being planned, and is told to whoever asks for it."""

    @pytest.mark.parametrize(
        "cell",
        [
            Cell("clip", "tiny", "test", prompt="plain"),
            Cell("outside", "tiny", "test"),
            good(restoration="broken"),
            good(restoration="unknown"),
            good("validation"),
        ],
        ids=["model", "table", "weights", "restoration", "split"],
    )
    def test_no_job(self, opened, cell):
        assert jobs(make_plan(opened(), [cell, good("train")])) == [("answer", "good", TRAIN, 30)]

    @pytest.mark.parametrize("encoder", ["nobody", "outside", "clip"])
    def test_no_embedding(self, opened, encoder):
        plan = make_plan(opened(), [], [Embedding(encoder, TEST), Embedding("eye", TEST)])
        assert [job.worker for job in plan.jobs] == ["eye"]

    def test_who_asks_for_it_is_told(self, opened):
        with pytest.raises(UsageError, match="The encoder nobody is no model of"):
            opened().features("nobody", TEST)
        with pytest.raises(UsageError, match="outside gives no embeddings"):
            opened().features("outside", TEST)


def test_pictures_that_a_model_failed_on_are_planned_again(opened, monkeypatch):
    def classify(self, images: Iterable[np.ndarray]) -> np.ndarray:
        if any(image[0, 1] == 7 for image in images):
            raise ValueError("too much for me")
        return np.eye(3, dtype=np.float32)[[0 for _ in images]]

    with monkeypatch.context() as patched:
        patched.setattr(Reader, "classify", classify)
        Local(bench := opened()).run(make_plan(bench, [good()]))
    assert jobs(make_plan(opened(), [good()])) == [("answer", "good", TEST, 1)]
