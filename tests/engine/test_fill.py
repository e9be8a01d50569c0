"""The runner computes what is missing, once, and loses nothing."""

from dataclasses import replace

import numpy as np
import pytest
from counting import LABELS, CountingClassifier, make_dataset

from harness.engine.asked import Asked
from harness.engine.fill import compute
from harness.engine.respondents.base import scored_rows
from harness.engine.work import collect, find_work
from harness.errors import DataError, ModelError, StoreError, Unavailable
from harness.identity import Identity
from harness.predictions import Cell, join

CELL = Cell("counting", "tiny", "test")


def run(dataset, identity, classifier, store, **options):
    def respond(images, asked):
        scores = classifier.classify([image.pixels for image in images.values()])
        return [scored_rows(images, scores, LABELS, one.identity, 0.0) for one in asked]

    work = find_work(identity, dataset, store)
    compute([(Asked(identity), work)], dataset, respond, store, **options)
    return join(CELL, dataset, collect(work, identity, store), LABELS)


def test_every_sample_gets_its_answer_in_the_datasets_order(store, identity):
    dataset = make_dataset(20)
    predictions = run(dataset, identity, CountingClassifier(), store, batch_size=7)
    assert list(predictions.table["sample_id"]) == [f"{i:03d}" for i in range(20)]
    assert (predictions.answers == predictions.gold).all()
    assert predictions.probabilities.shape == (20, 3)


def test_batches_have_the_size_asked_for(store, identity):
    classifier = CountingClassifier()
    run(make_dataset(20), identity, classifier, store, batch_size=8)
    assert classifier.asked == [8, 8, 4]


def test_a_second_run_asks_nothing(store, identity):
    dataset, classifier = make_dataset(20), CountingClassifier()
    first = run(dataset, identity, classifier, store)
    classifier.asked.clear()
    second = run(dataset, identity, classifier, store)
    assert classifier.asked == []
    assert second.table.equals(first.table)


def test_another_split_shares_answers_on_the_same_pixels(store, identity):
    classifier = CountingClassifier()
    run(make_dataset(20), identity, classifier, store)
    classifier.asked.clear()
    run(make_dataset(25, split="all"), identity, classifier, store)
    assert sum(classifier.asked) == 5


def test_copies_of_an_image_are_asked_once(store, identity):
    classifier = CountingClassifier()
    predictions = run(make_dataset(20, copies=4), identity, classifier, store)
    assert sum(classifier.asked) == 16
    assert (predictions.answers == predictions.gold).all()
    assert len(set(predictions.groups)) == 16


@pytest.mark.parametrize("memory", [1, 3, 5])
def test_the_batch_size_halves_until_memory_suffices(store, identity, memory):
    classifier = CountingClassifier(memory=memory)
    predictions = run(make_dataset(20), identity, classifier, store, batch_size=16)
    assert sum(classifier.asked) == 20
    assert max(classifier.asked) <= memory
    assert (predictions.answers == predictions.gold).all()


def test_no_memory_for_one_image_is_one_clear_line_and_keeps_the_rest(store, identity):
    dataset = make_dataset(20)
    run(make_dataset(8), identity, CountingClassifier(), store)
    with pytest.raises(ModelError, match="no memory for even one image.*--device"):
        run(dataset, identity, CountingClassifier(memory=0), store)
    assert len(find_work(identity, dataset, store).missing) == 12


def test_an_image_that_breaks_the_model_is_a_failure_with_its_reason(store, identity):
    predictions = run(make_dataset(20), identity, CountingClassifier(broken=(3, 11)), store, batch_size=6)
    failed = predictions.table[predictions.table["outcome"] == "failed"]
    assert list(failed["sample_id"]) == ["003", "011"]
    assert set(failed["reason"]) == {"ValueError: cannot handle this image"}
    assert (predictions.answers[[3, 11]] == -1).all()
    assert np.isnan(predictions.probabilities[[3, 11]]).all()
    assert (np.delete(predictions.answers == predictions.gold, [3, 11])).all()


def test_failures_are_tried_again_and_never_served_as_answers(store, identity):
    run(make_dataset(20), identity, CountingClassifier(broken=(3,)), store)
    mended = CountingClassifier()
    predictions = run(make_dataset(20), identity, mended, store)
    assert mended.asked == [1]
    assert (predictions.answers == predictions.gold).all()


def test_a_model_that_fails_everywhere_says_why_once(store, identity):
    with pytest.raises(
        ModelError, match="fails on every image of a batch: ValueError: cannot handle this image"
    ):
        run(make_dataset(20), identity, CountingClassifier(broken=tuple(range(20))), store)


def test_scores_that_are_not_finite_are_failures(store, identity):
    class Broken(CountingClassifier):
        def classify(self, images):
            scores = super().classify(images)
            scores[0] = np.nan
            return scores

    predictions = run(make_dataset(20), identity, Broken(), store, batch_size=10)
    assert list(predictions.table["sample_id"][predictions.table["outcome"] == "failed"]) == ["000", "010"]


def test_scores_of_another_shape_are_refused(store, identity):
    class Wide(CountingClassifier):
        def classify(self, images):
            return np.ones((len(images), 8), np.float32)

    with pytest.raises(ModelError, match=r"shape \(20, 8\).*card and its weights disagree"):
        run(make_dataset(20), identity, Wide(), store)


def test_an_unreadable_image_is_a_failure_and_stays_in_the_denominator(store, identity):
    predictions = run(make_dataset(20, unreadable=(5,)), identity, CountingClassifier(), store)
    row = predictions.table.iloc[5]
    assert row["outcome"] == "failed"
    assert predictions.answers[5] == -1
    assert row["reason"] == "005.png is truncated. Replace the file."
    assert len(predictions) == 20


def test_ctrl_c_keeps_the_batches_that_are_done(store, identity):
    dataset = make_dataset(20)

    class Interrupted(CountingClassifier):
        def classify(self, images):
            if len(self.asked) == 2:
                raise KeyboardInterrupt
            return super().classify(images)

    with pytest.raises(KeyboardInterrupt):
        run(dataset, identity, Interrupted(), store, batch_size=4)
    assert len(store.read(identity)) == 8
    assert len(find_work(identity, dataset, store).missing) == 12


def test_progress_counts_every_image(store, identity):
    done = []
    run(make_dataset(20), identity, CountingClassifier(memory=3), store, batch_size=8, progress=done.append)
    assert sum(done) == 20


class Sweep:
    """Answers several questions about the images it is shown; each question is an identity."""

    def __init__(self, unasked=()):
        self.calls, self.unasked = [], unasked

    def __call__(self, images, asked):
        self.calls.append((len(images), [one.identity.model for one in asked]))
        tables = []
        for one in asked:
            asked_about = [digest for digest, one in images.items() if one.pixels[1, 1] not in self.unasked]
            shown = {digest: images[digest] for digest in asked_about}
            scores = np.eye(3, dtype=np.float32)[[int(image.pixels[0, 0]) for image in shown.values()]]
            tables.append(scored_rows(shown, scores, LABELS, one.identity, 0.0))
        return tables


def works(dataset, store, *names):
    asked = [Asked(Identity(model=name, weights="w", labels=LABELS)) for name in names]
    return [(one, find_work(one.identity, dataset, store)) for one in asked]


def test_a_sweep_shows_each_image_once_for_all_questions(store):
    dataset, sweep = make_dataset(20), Sweep()
    compute(works(dataset, store, "a", "b", "c"), dataset, sweep, store, batch_size=8)
    assert sweep.calls == [(8, ["a", "b", "c"]), (8, ["a", "b", "c"]), (4, ["a", "b", "c"])]
    assert all(not work.missing for _, work in works(dataset, store, "a", "b", "c"))


def test_questions_that_lack_other_images_are_asked_apart(store):
    compute(works(make_dataset(8), store, "a"), make_dataset(8), Sweep(), store)
    dataset, sweep = make_dataset(20), Sweep()
    compute(works(dataset, store, "a", "b"), dataset, sweep, store, batch_size=50)
    assert sorted(sweep.calls) == [(12, ["a"]), (20, ["b"])]


def test_a_spent_budget_keeps_what_was_answered_and_stops(store):
    dataset = make_dataset(20)
    with pytest.raises(Unavailable, match="spent what --max-cost allows"):
        compute(works(dataset, store, "a"), dataset, Sweep(unasked=(11, 12)), store, batch_size=5)
    ((_, work),) = works(dataset, store, "a")
    left = sorted(dataset.pixels(i)[1, 1] for i in work.missing)
    assert left[:2] == [11, 12]
    assert left[2:] in ([], [15, 16, 17, 18, 19])  # a batch may be under way


def test_shards_are_merged_on_the_way(store):
    dataset, most = make_dataset(200), []
    (work,) = works(dataset, store, "a")
    folder = store.folder(work[0].identity)
    compute(
        [work],
        dataset,
        Sweep(),
        store,
        batch_size=1,
        progress=lambda done: most.append(len(list(folder.glob("*.parquet")))),
    )
    assert max(most) <= 65  # one that was merged and 64 since
    assert len(list(folder.glob("*.parquet"))) == 1
    assert len(store.read(work[0].identity)) == 200


def test_an_answer_that_was_not_computed_is_an_error_of_the_run_and_no_answer(store, identity):
    dataset = make_dataset(20)
    run(make_dataset(8), identity, CountingClassifier(), store)
    with pytest.raises(StoreError, match=r"12 of 20 answers of test:counting have not been .*Run again"):
        collect(find_work(identity, dataset, store), identity, store)


def test_an_image_replaced_between_its_digest_and_its_answer_is_noticed(store, identity, monkeypatch):
    """Pixels of a set that does not fit into memory are read again for the model."""
    monkeypatch.setattr("harness.datasets.dataset.CACHE_BYTES", 0)
    dataset = make_dataset(20)
    read = dataset.read

    def replaced(sample_id):
        pixels = read(sample_id).copy()
        return pixels[::-1].copy() if sample_id == "013" and known else pixels

    known, dataset = [], replace(dataset, read=replaced)
    work = find_work(identity, dataset, store)
    known.append(True)
    with pytest.raises(DataError, match="013 of tiny:test has changed while the run was going on.*Run again"):
        compute([(Asked(identity), work)], dataset, Sweep(), store, batch_size=5)
    assert len(store.read(identity)) == 10
