"""Options narrow the grid and say how to compute; a wrong one ends the run by one line."""

import os

import pytest
from project import SUITE, logging_model

INI = """
suite = "evals/other.toml"
profile = "both"
store = "kept"
reports = "runs"
limit = "30"
device = "cpu"
dtype = "bfloat16"
batch_size = "7"
alpha = "0.1"
baseline = "20260101-000000"
engine = "local"
model = "a w*"
dataset = "*:test"
restoration = "no*"
prompt = "*"
strict_claims = true
"""
ARGUMENTS = {
    "profile": (["--profile", "nope"], "Expected --profile to be one of default, both, but got nope."),
    "profile under xdist": (
        ["-n", "2", "--profile", "nope"],
        "Expected --profile to be one of default, both",
    ),
    "suite": (["--suite", "nope.toml"], "nope.toml cannot be read (No such file or directory)"),
    "alpha": (["--alpha", "2"], "Expected --alpha to be between 0 and 1, but got 2.0."),
    "alpha under xdist": (["-n", "2", "--alpha", "2"], "Expected --alpha to be between 0 and 1"),
    "engine": (["--engine", "ray"], "Expected --engine to be local"),
    "engine under xdist": (["-n", "2", "--engine", "ray"], "Expected --engine to be local"),
    "ini": (["-o", "limit=many"], "The ini key limit = many is not a valid int."),
    "limit": (["--limit", "0"], "Expected --batch-size and --limit to be at least 1."),
    "limit, collecting": (["--limit", "0", "--collect-only"], "--limit to be at least 1."),
    "limit under xdist": (["-n", "2", "--limit", "0"], "--limit to be at least 1."),
    "batch size": (["--batch-size", "0", "--collect-only"], "Expected --batch-size"),
    "device": (["--device", "cudda", "--collect-only"], "but got cudda. Nearest: cuda."),
    "dtype": (["-n", "2", "--dtype", "float3"], "but got float3. Nearest: float32"),
    "max cost": (["--max-cost", "0", "--collect-only"], "Expected --max-cost to be larger than 0"),
    "model": (["--model", "aa"], "--model aa fits no model of"),
    "model under xdist": (["-n", "2", "--model", "nope"], "--model nope fits no model of"),
    "model, collecting": (["--collect-only", "--model", "nope"], "suite.toml. Nearest: a."),
    "model of the ini file": (["-o", "model=a nope"], "--model nope fits no model of"),
    "open quotation": (["-o", "model='a"], "No closing quotation"),
    "dataset": (["--dataset", "shapes:tst"], "Unknown split shapes:tst. Use one of: test, val"),
    "dataset under xdist": (["-n", "2", "--dataset", "shaps"], "Nearest: shapes"),
    "restoration": (["--restoration", "bicubik"], "Nearest: bicubic."),
    "prompt": (["--prompt", "plian"], "Nearest: plain."),
    "wildcard": (["--dataset", "*:val"], "Outside of it there is shapes:val."),
}


def selected(project, *arguments):
    """The cells of the tests that would run."""
    outcome = project.pytest("evals", "--collect-only", "-q", *arguments)
    assert outcome.status == 0, outcome
    return [line.partition("[")[2].rstrip("]") for line in outcome.stdout.splitlines() if "::" in line]


def test_each_option_is_an_ini_key_that_the_command_line_overrides(make_project, shapes_data):
    project = make_project(ini=f'{INI}data_root = "{shapes_data}"\n')
    (project.root / "evals/other.toml").write_text(
        "\n".join(
            [SUITE, logging_model("a"), logging_model("b")]
            + [project.table(name, project.answers()) for name in ("worse", "better")]
            + [project.table("wild", ["disc"] * 150)]
        ),
        encoding="utf-8",
    )
    (project.root / "evals/suite.toml").unlink()
    (project.root / "runs/20260101-000000").mkdir(parents=True)
    (project.root / "runs/20260101-000000/run.json").write_text("{}", encoding="utf-8")
    away = {"HARNESS_DATA": "/nowhere", "HARNESS_STORE": "/nowhere"}
    from_ini = project.pytest("evals", "-rA", **away)
    run = from_ini.latest_run("runs")
    assert from_ini.tests["test_claims[cnn_beats_vlm/shapes:test/none/a-vs-wild]"] == "failed", (
        from_ini
    )  # strict
    told = {"suite": "evals/other.toml", "profile": "both", "limit": 30, "device": "cpu", "dtype": "bfloat16"}
    told |= {"batch_size": 7, "alpha": 0.1, "baseline": "20260101-000000", "seed": 0}
    assert {key: run[key] for key in told} == told
    assert {cell["id"] for cell in run["cells"]} == {f"shapes:test/none/{m}" for m in ("a", "worse", "wild")}
    assert {cell["n"] for cell in run["cells"]} == {30}
    assert "ask a 7" in project.log
    assert list((project.root / "kept").glob("??/*/*.parquet"))
    assert set(from_ini.tests) == {
        *(f"test_claims[cnn_beats_vlm/shapes:test/none/a-vs-{vlm}]" for vlm in ("worse", "wild")),
        *(f"test_metrics[shapes:test/none/{model}]" for model in ("a", "worse", "wild")),
    }

    given = (
        "--profile",
        "default",
        "--limit",
        "21",
        "--alpha",
        "0.2",
        "--batch-size",
        "4",
        "--dtype",
        "float32",
    )
    over = project.pytest(
        *("evals", "-rA", "--model", "b", "--model", "better", "--dataset", "shapes", "--reports", "others"),
        *("--store", "other", "--baseline", "", *given),
        **away,
    )
    run = over.latest_run("others")
    told = {"profile": "default", "limit": 21, "alpha": 0.2, "batch_size": 4, "dtype": "float32"}
    assert {key: run[key] for key in told} == told
    assert {cell["model"] for cell in run["cells"]} == {"b", "better"}
    assert "ask b 4" in project.log
    assert list((project.root / "other").glob("??/*/*.parquet"))


def test_globs_and_keywords_select_cells_by_their_names(make_project):
    project = make_project()
    tables = [project.table(name, project.answers()) for name in ("clip-b", "clip-l", "gpt")]
    project.write_suite(project.table("cnn", project.answers(), "cnn"), *tables)
    every = selected(project, "--profile", "both")
    models = ("cnn", "clip-b", "clip-l", "gpt")
    assert every == [
        *(
            f"cnn_beats_vlm/shapes:{split}/none/cnn-vs-{vlm}"
            for split in ("test", "val")
            for vlm in models[1:]
        ),
        *(f"shapes:{split}/none/{model}" for model in models for split in ("test", "val")),
    ]
    assert selected(project, "--model", "CLIP-*", "--model", "g?t") == [
        *(f"cnn_beats_vlm/shapes:test/none/cnn-vs-{vlm}" for vlm in models[1:]),
        *(f"shapes:test/none/{model}" for model in models[1:]),
    ]
    assert selected(project, "--profile", "both", "--dataset", "shapes:v*", "-k", "clip-l") == [
        "cnn_beats_vlm/shapes:val/none/cnn-vs-clip-l",
        "shapes:val/none/clip-l",
    ]
    assert selected(project, "-k", "cnn_beats_vlm and gpt") == ["cnn_beats_vlm/shapes:test/none/cnn-vs-gpt"]


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two workers"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("evals/test_claims.py",),  # no VLM to beat
        ("evals", "-k", "label_order_bias"),  # a claim that the suite does not list
        ("evals", "--model", "a", "-k", "faces"),
    ],
    ids=["no cell", "unlisted claim", "keyword"],
)
def test_nothing_selected_is_pytests_status_5_and_leaves_no_run_folder(make_project, arguments, workers):
    project = make_project(logging_model("a"))
    outcome = project.pytest(*arguments, *workers)
    assert outcome.status == 5, outcome
    assert "skipped" not in outcome.stdout
    assert not list(project.root.glob("reports/*"))


def test_what_is_named_joins_the_profile_and_has_a_part_in_every_test(make_project):
    narrow = '[profiles.narrow]\ndatasets = ["shapes:test"]\nmodels = ["cnn", "clip"]'
    project = make_project()
    tables = [project.table(name, project.answers()) for name in ("clip", "gpt")]
    project.write_suite(
        narrow, project.table("cnn", project.answers(), "cnn"), logging_model("mine"), *tables
    )
    assert selected(project, "--profile", "narrow", "--model", "mine") == [
        "cnn_beats_vlm/shapes:test/none/mine-vs-clip",
        "shapes:test/none/mine",
    ]
    assert selected(project, "--profile", "narrow", "--model", "gpt", "--dataset", "shapes:val") == [
        "cnn_beats_vlm/shapes:val/none/cnn-vs-gpt",
        "shapes:val/none/gpt",
    ]


def test_a_parameter_of_another_test_may_be_an_array(make_project):
    project = make_project(logging_model("a"))
    (project.root / "evals/test_mine.py").write_text(
        "import numpy as np\nimport pytest\n\n\n"
        '@pytest.mark.parametrize("some", [np.zeros(3)])\ndef test_mine(some):\n    assert not some.any()\n'
    )
    outcome = project.pytest("evals/test_mine.py")
    assert outcome.status == 0, outcome


@pytest.mark.parametrize(("arguments", "message"), ARGUMENTS.values(), ids=list(ARGUMENTS))
def test_a_wrong_option_is_one_line_and_status_4(make_project, arguments, message):
    outcome = make_project(logging_model("a")).pytest("evals", *arguments)
    assert_usage_error(outcome, message)


def test_a_wrong_suite_is_one_line_and_status_4(make_project):
    project = make_project()
    (project.root / "evals/suite.toml").write_text("[profiles", encoding="utf-8")
    assert_usage_error(project.pytest("evals"), "suite.toml is not valid TOML")


def assert_usage_error(outcome, message):
    assert outcome.status == 4, outcome
    errors = [line for line in outcome.stderr.splitlines() if line]
    assert len(errors) == 1, outcome
    assert errors[0].startswith("ERROR: ")
    assert message in errors[0]
    assert "Traceback" not in outcome.stdout


@pytest.mark.parametrize("folder", [".", "evals", "deep/down"])
def test_paths_of_the_ini_file_start_at_the_root_and_those_of_the_command_line_where_one_stands(
    make_project, shapes_data, tmp_path, folder
):
    data = os.path.relpath(shapes_data, tmp_path)
    project = make_project(ini=f'suite = "evals/other.toml"\nstore = "kept"\ndata_root = "{data}"\n')
    (project.root / "evals/suite.toml").rename(project.root / "evals/other.toml")
    (project.root / "evals/other.toml").write_text(f"{SUITE}\n{logging_model('a')}", encoding="utf-8")
    here = project.root / folder
    here.mkdir(parents=True, exist_ok=True)
    arguments = (os.path.relpath(project.root / "evals", here), "-k", "test_metrics", "--limit", "30")
    from_ini = project.pytest(*arguments, folder=folder)
    assert from_ini.status == 0, from_ini
    assert list((project.root / "kept").glob("??/*/*.parquet"))
    assert from_ini.run["suite"] == "evals/other.toml"

    (project.root / "evals/other.toml").rename(here / "mine.toml")
    first = project.latest.resolve()
    given = (
        "--suite",
        "mine.toml",
        "--store",
        "mine",
        "--reports",
        "runs",
        "--baseline",
        os.path.relpath(first, here),
    )
    over = project.pytest(*arguments, *given, folder=folder)
    assert over.status == 0, over
    assert list((here / "mine").glob("??/*/*.parquet"))
    run = over.latest_run(f"{folder}/runs")
    assert (here / "runs" / run["baseline"]).samefile(first)
    assert "Changes since the baseline" in (here / "runs/latest/report.md").read_text(encoding="utf-8")
