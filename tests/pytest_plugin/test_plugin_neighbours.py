"""The plugin starts beside others, and without them."""

import pytest
from project import logging_model

METRICS = ("evals/test_metrics.py", "--snapshot-update")
LOADED = ("-p", "harness.pytest_plugin")


@pytest.mark.parametrize(
    ("first", "conftest"),
    [((), ""), (LOADED, ""), ((), 'pytest_plugins = ["harness.pytest_plugin"]\n')],
    ids=["installed", "before the other", "from conftest"],
)
def test_options_that_others_have_too_go_by_their_long_names(make_project, first, conftest):
    project = make_project(logging_model("a"), ini='harness_dtype = "bfloat16"\n', conftest=conftest)
    plugins = (*first, "-p", "crowding_plugin")
    outcome = project.pytest(
        *METRICS, *plugins, "--harness-device", "cpu", "--device", "iPhone 6", "--harness-profile", "both"
    )
    assert outcome.status == 0, outcome
    told = {key: outcome.run[key] for key in ("device", "profile", "dtype")}
    assert told == {"device": "cpu", "profile": "both", "dtype": "bfloat16"}
    told = " ".join(project.pytest("--help", *plugins).stdout.split())
    assert "--device is an option of another plug-in" in told
    assert "--harness-limit=LIMIT, --limit=LIMIT" in told


def test_options_of_a_conftest_file_go_before(make_project):
    taken = "def pytest_addoption(parser):\n    parser.addoption('--device', default='none')\n"
    project = make_project(logging_model("a"), conftest=taken)
    outcome = project.pytest(*METRICS, "--device", "iPhone 6", "--harness-device", "cpu")
    assert outcome.status == 0, outcome
    assert outcome.run["device"] == "cpu"


def test_without_xdist_or_any_plug_in_of_its_own_accord(make_project):
    project = make_project(logging_model("a"))
    without = project.pytest(*METRICS, "-p", "no:xdist")
    assert without.status == 0, without
    alone = project.pytest(*METRICS, *LOADED, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert alone.status == 0, alone


def test_tests_of_a_model_stay_together_unless_the_command_line_says_otherwise(make_project):
    project = make_project(logging_model("a"))
    grouped = project.pytest(*METRICS, "-v", "-n", "1")
    assert "test_metrics[shapes:test/none/a]@a" in grouped.stdout, grouped
    spread = project.pytest(*METRICS, "-v", "-n", "1", "--dist", "worksteal")
    assert spread.status == 0, spread
    assert "]@a" not in spread.stdout
