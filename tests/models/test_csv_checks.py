"""A predictions CSV that does not fit its data set is an error or a line, never a figure without a word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.datasets import Dataset, Sample
from harness.errors import DataError, UsageError
from harness.labels import LabelSpace
from harness.models import Context
from harness.models.predictions_csv import PredictionsCsv
from harness.predictions import Cell
from harness.predictions.outside import join_table
from harness.tasks import Choice

LABELS = ("angry", "happy", "sad")
GOLD = [LABELS[i % 3] for i in range(12)]
IDS = [f"faces/{i:02d}.png" for i in range(12)]
DATASET = Dataset(
    "tiny",
    "test",
    Choice(LabelSpace.of("tiny", LABELS)),
    tuple(map(Sample, IDS, GOLD)),
    lambda sample: np.full((2, 2), int(sample[6:8]), np.uint8),
)
SCORES = np.eye(3)[[LABELS.index(label) for label in GOLD]] * 0.7 + 0.1


@pytest.fixture
def read(tmp_path: Path):
    """Predictions from columns of a CSV file, or from its text."""

    def read(text: str = "", header: str = ",".join, **options):
        (tmp_path / "a.csv").write_text(text)
        model = PredictionsCsv(context=Context(tmp_path, tmp_path), path="a.csv", **options)
        return join_table(Cell("a", "tiny", "test"), DATASET, model)

    return read


def csv(labels, ids=IDS, header="sample_id,label", more=None) -> str:
    """A CSV; `more` gives what follows the label in each row."""
    rows = [f"{one},{label}" for one, label in zip(ids, labels, strict=False)]
    return (
        "\n".join(
            [header, *(f"{row},{rest}" for row, rest in zip(rows, more or [""] * len(rows), strict=False))]
            if more
            else [header, *rows]
        )
        + "\n"
    )


def scored(scores, names=LABELS) -> str:
    header = ",".join(["sample_id,label", *(f"score_{name}" for name in names)])
    return csv(GOLD, header=header, more=[",".join(map(str, row)) for row in scores])


def numbers(start: int = 0) -> list[str]:
    return [str(LABELS.index(label) + start) for label in GOLD]


class TestLabels:
    def test_numbers_are_refused_with_the_way_to_name_them(self, read):
        with pytest.raises(DataError) as caught:
            read(csv(numbers()))
        said = str(caught.value)
        assert "12 of 12 labels of" in said
        assert "it says '0' (4), '1' (4), '2' (4), where the labels are angry, happy, sad." in said
        assert "--labels FIRST,SECOND,..." in said

    def test_numbers_stand_for_what_the_user_says_and_for_nothing_else(self, read):
        right = read(csv(numbers()), labels=list(LABELS))
        assert (right.answers == right.gold).all()
        assert right.problems == ()
        assert list(right.table["raw_text"]) == GOLD
        turned = read(csv(numbers()), labels=["happy", "sad", "angry"])
        assert not (turned.answers == turned.gold).any()
        from_one = read(csv(numbers(1)), labels={str(i + 1): label for i, label in enumerate(LABELS)})
        assert (from_one.answers == from_one.gold).all()

    def test_numbers_that_pandas_wrote_beside_empty_fields_are_the_same_numbers(self, read):
        labels = [f"{number}.0" for number in numbers()]
        labels[3] = ""
        found = read(csv(labels), labels=list(LABELS))
        assert list(found.table["outcome"]) == ["parsed"] * 3 + ["unparsable"] + ["parsed"] * 8
        assert (np.delete(found.answers == found.gold, 3)).all()

    def test_scores_under_numbers_go_with_them(self, read):
        found = read(scored(SCORES, names=range(3)).replace(GOLD[0], "0"), labels=list(LABELS))
        np.testing.assert_allclose(found.probabilities, SCORES, atol=1e-6)

    def test_case_and_synonyms_are_labels(self, read):
        found = read(csv(["Anger", "HAPPINESS", "sad"] * 4))
        assert (found.answers == found.gold).all()
        assert found.problems == ()

    def test_labels_of_another_space_are_named_with_ours(self, read):
        with pytest.raises(DataError) as caught:
            read(csv(["awe", "contempt", "happy"] * 4))
        said = str(caught.value)
        assert "8 of 12 labels" in said
        assert "'awe' (4), 'contempt' (4), where the labels are angry, happy, sad" in said
        assert "labels = { THEIRS = OURS }" in said
        found = read(csv(["awe", "contempt", "happy"] * 4), labels={"awe": "angry", "contempt": "sad"})
        assert set(found.table["outcome"]) == {"parsed"}

    def test_some_foreign_labels_are_counted_by_name(self, read):
        found = read(csv(["awe", *GOLD[1:9], "7", "7", "joy"]))
        assert found.problems == (
            "a.csv: 3 of 12 labels are none of tiny:test and count as wrong: '7' (2), 'awe' (1)",
        )
        assert (found.answers == -1).sum() == 3

    def test_many_kinds_of_foreign_labels_are_summed_up(self, read):
        with pytest.raises(DataError, match=r"'l7' \(1\) and 4 others \(4\), where"):
            read(csv([f"l{i}" for i in range(12)]))

    def test_what_says_that_it_is_out_of_vocabulary_is_believed(self, read):
        text = csv(["awe"] * 12, header="sample_id,label,outcome", more=["out_of_vocabulary"] * 12)
        found = read(text)
        assert set(found.table["outcome"]) == {"out_of_vocabulary"}
        assert found.problems == ()

    @pytest.mark.parametrize("labels", ["angry", 3, {"0": 1}, [0, 1]])
    def test_labels_of_another_form_are_refused(self, read, labels):
        with pytest.raises(UsageError, match="Expected `labels` of a predictions CSV to be"):
            read(csv(GOLD), labels=labels)


class TestSamples:
    def test_one_known_id_among_many_is_refused(self, read):
        with pytest.raises(DataError) as caught:
            read(csv(GOLD, ids=[IDS[0], *(f"other/{i}.jpg" for i in range(11))]))
        said = str(caught.value)
        assert "Only 1 of the 12 sample_ids of" in said
        assert "look like faces/01.png; the file has other/0.jpg" in said

    def test_rows_and_samples_without_each_other_are_counted(self, read):
        found = read(csv([*GOLD[:9], "sad", "sad"], ids=[*IDS[:9], "x", "y"]))
        assert found.problems == (
            "a.csv: 2 rows are about samples that tiny:test does not have, such as x",
            "a.csv: 3 of 12 samples have no row and are failed, such as faces/09.png",
        )

    def test_a_file_about_more_than_the_split_is_no_error(self, read):
        found = read(csv([*GOLD, *["sad"] * 90], ids=[*IDS, *(f"train/{i}" for i in range(90))]))
        assert found.problems == (
            "a.csv: 90 rows are about samples that tiny:test does not have, such as train/0",
        )

    def test_gold_of_another_version_of_the_data_is_said(self, read):
        gold = ["sad", *GOLD[1:]]
        found = read(csv(GOLD, header="sample_id,label,gold", more=gold))
        assert found.problems == (
            "a.csv: 1 gold labels are not those of tiny:test, such as that of faces/00.png",
        )
        assert (found.answers == found.gold).all()

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "is not a readable CSV file"),
            ("sample_id,label\n", "has a header and no rows"),
            ("sample_id;label\na;sad\n", r"no column label and sample_id, but 'sample_id;label'\. .* commas"),
            ("sample_id,label\n,sad\n", "has rows without a sample_id"),
            ("sample_id,label\na,sad\na,sad\n", r"answers a twice \(1 rows too many\)"),
            ("sample_id,label,Label\na,sad,sad\n", "has the column label twice"),
            ("sample_id,label,outcome\na,sad,right\n", "has the outcome 'right'. Use parsed, "),
            ("sample_id,label,score_sad\na,sad,1\nb,sad,inf\n", "an infinite score, the first one for b"),
            ("sample_id,label,score_sad\na,sad,-Infinity\n", "Column score_sad of .*a.csv holds an infinite"),
            ("sample_id,label,score_sad\na,sad,1e999\n", "an infinite score, the first one for a"),
            ("sample_id,label,outcome\na,,parsed\n", "calls the answer to a parsed and gives no label"),
        ],
    )  # fmt: skip
    def test_a_file_that_is_no_such_table_is_one_line(self, read, text, message):
        with pytest.raises(DataError, match=message) as caught:
            read(text)
        assert "\n" not in str(caught.value)


class TestColumns:
    def test_what_is_not_read_is_named_once(self, read):
        names = [f"extra_{i}" for i in range(136)]
        text = csv(GOLD, header=",".join(["sample_id,label", *names]), more=[",".join(["1"] * 136)] * 12)
        assert read(text).problems == (
            "a.csv: columns that are not read: extra_0, extra_1, extra_2 and 133 more",
        )

    def test_headers_are_read_in_any_case(self, read):
        text = (
            scored(SCORES)
            .replace("sample_id,label", " Sample_ID , Label")
            .replace("score_happy", "Score_Happy")
        )
        found = read(text)
        assert found.problems == ()
        np.testing.assert_allclose(found.probabilities, SCORES, atol=1e-6)

    def test_a_comma_at_the_end_of_each_row_moves_no_column(self, read):
        found = read(csv(GOLD, more=[""] * 12).replace("\n", ",\n").replace("label,\n", "label\n", 1))
        assert (found.answers == found.gold).all()

    def test_a_row_that_is_longer_than_its_header_is_said(self, read):
        found = read(csv(GOLD, more=["x"] * 12))
        assert "a.csv: rows are longer than the header; what has no header is not read" in found.problems


class TestScores:
    def test_headers_that_are_rotated_by_one_are_refused(self, read):
        with pytest.raises(DataError) as caught:
            read(scored(SCORES, names=(*LABELS[1:], LABELS[0])))
        said = str(caught.value)
        assert (
            "contradict its labels in 12 of 12 rows: faces/00.png is angry, where score_happy is highest"
            in said
        )

    def test_a_few_contradictions_are_counted(self, read):
        scores = SCORES.copy()
        scores[2] = scores[0]
        assert read(scored(scores)).problems == (
            "a.csv: in 1 of 12 rows another label than the answer has the highest score",
        )

    def test_a_tie_is_no_contradiction(self, read):
        assert read(scored(np.full((12, 3), 1 / 3))).problems == ()

    @pytest.mark.parametrize(
        ("scores", "said"),
        [
            (SCORES * 100, "they add up to 100; divide them by 100"),
            (SCORES * 8 - 3, "such as the softmax of logits"),
            (SCORES - [0, 0, 0.005], "they are rounded; write more digits"),
        ],
    )
    def test_what_is_no_probability_is_named(self, read, scores, said):
        (problem,) = read(scored(scores)).problems
        assert problem.startswith("a.csv: the scores of 12 of 12 rows are no probabilities")
        assert problem.endswith(said)

    def test_a_label_without_scores_and_scores_without_a_label_are_named(self, read):
        assert read(scored(SCORES, names=("angry", "happy", "bored"))).problems == (
            "a.csv: scores of what is no label of tiny are left out: score_bored",
            "a.csv: no scores for sad, so that the others are left out, too",
        )

    def test_rows_without_scores_are_counted(self, read):
        text = scored(SCORES).replace(",".join(map(str, SCORES[4])), ",,", 1)
        assert read(text).problems[0].startswith("a.csv: 1 of 12 rows lack a score")
