"""A warning of someone else's package changes no answer, whatever a project makes of warnings."""

import subprocess
import sys
import warnings

import pandas as pd
import pytest
from PIL import Image
from project import entry

from harness.datasets.pixels import decode_image
from harness.errors import DataError
from harness.tools.third_party import warnings_never_raise

WARNER = entry("warner", adapter="awkward_models:WarningModel", weights="w")
STRICT = 'filterwarnings = ["error"]\n'
WAYS = {
    "as they come": ((), {}),
    "-W error": (("-W", "error"), {}),
    "PYTHONWARNINGS": ((), {"PYTHONWARNINGS": "error"}),
}


def answers(project, store):
    """What a store holds, but for the time it took."""
    parts = [pd.read_parquet(path) for path in (project.root / store).glob("??/*/*.parquet")]
    return pd.concat(parts).drop(columns="latency_s").sort_values("pixel_digest", ignore_index=True)


def test_the_same_answers_are_stored_by_pytest_however_strict_and_by_the_command(make_project):
    project = make_project(WARNER, ini=STRICT)
    (project.root / "own.ini").write_text("[pytest]\n", encoding="utf-8")
    command = project._command([], {"HARNESS_STORE": str(project.root / "by command")})
    command["args"] = [
        *(sys.executable, "-c", "from harness.cli import main; main()"),
        *("predict", "warner", "--dataset", "shapes:test"),
    ]
    said = subprocess.run(**command, capture_output=True, timeout=120)
    assert said.returncode == 0, said
    expected = answers(project, "by command")
    assert set(expected["outcome"]) == {"parsed"}
    assert len(expected) == 150

    metrics = ("evals/test_metrics.py", "--snapshot-update")
    runs = {"ini": (metrics, {})} | {
        way: ((*metrics, "-c", "own.ini", "--rootdir", ".", *arguments), environment)
        for way, (arguments, environment) in WAYS.items()
    }
    for way, (arguments, environment) in runs.items():
        outcome = project.pytest(*arguments, HARNESS_STORE=str(project.root / way), **environment)
        assert outcome.status == 0, (way, outcome)
        pd.testing.assert_frame_equal(answers(project, way), expected)
        # Said once, though the batches are many.
        assert outcome.stdout.count("FutureWarning: classify is deprecated") == 1, (way, outcome)


def test_a_plug_in_that_warns_at_start_ends_no_run(make_project):
    project = make_project(WARNER)
    outcome = project.pytest("evals/test_metrics.py", "--snapshot-update", "-n", "2", "-p", "crowding_plugin")
    assert outcome.status == 0, outcome
    assert "INTERNALERROR" not in str(outcome)
    assert "benchmarks are disabled" in outcome.stdout


class TestWarningsNeverRaise:
    def test_what_would_raise_is_shown_once_and_the_rest_is_as_it_was(self):
        def deprecated():
            with warnings_never_raise():
                warnings.warn("old", FutureWarning, stacklevel=1)
                warnings.warn("mine", UserWarning, stacklevel=1)

        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", "mi", UserWarning)
            deprecated()
            deprecated()
            with pytest.raises(FutureWarning):
                warnings.warn("old", FutureWarning, stacklevel=1)
        assert [str(one.message) for one in shown] == ["old"]

    def test_an_error_inside_stays_one(self):
        with pytest.raises(FutureWarning, match="raised"), warnings_never_raise():
            raise FutureWarning("raised, not warned of")


def test_a_picture_that_pillow_warns_of_is_one_that_it_reads(monkeypatch):
    load = Image.Image.load

    def loaded(image):
        warnings.warn("odd metadata", UserWarning, stacklevel=1)
        return load(image)

    data = b"P5 2 1 255 \x01\x02"
    monkeypatch.setattr(Image.Image, "load", loaded)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with warnings.catch_warnings(record=True):
            assert decode_image(data, "x.pgm").tolist() == [[1, 2]]
    with pytest.raises(DataError):
        decode_image(data[:-1], "x.pgm")
