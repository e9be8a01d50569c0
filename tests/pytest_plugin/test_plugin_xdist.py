"""Under `-n N` every model is loaded once in all.

pytest 9.2 with pytest-xdist 3.8 ignores `--dist loadgroup` without a word; the canary here notices.
"""

import os
import re
from collections import Counter

import pytest
from project import logging_model

MODELS = ("a", "b", "c")


def suite():
    """Two pairs of models that both answer here; slow enough that each worker must wait for another's."""
    return (
        logging_model("a", seconds=0.05),
        logging_model("b", capability="generative", seconds=0.05),
        logging_model("c", capability="generative", seconds=0.05),
    )


def loads(log):
    """How often each model was loaded, as the models themselves tell."""
    return Counter(line.split()[1] for line in log if line.startswith("load"))


def asked(log):
    """How many images each model was asked."""
    total = Counter()
    for line in log:
        if line.startswith("ask"):
            _, model, images = line.split()
            total[model] += int(images)
    return total


def test_canary_four_workers_load_each_model_once_and_a_warm_run_none(make_project):
    project = make_project(*suite())
    cold = project.pytest("evals", "-v", "-n", "4", "--profile", "both", "--snapshot-update")
    assert cold.status == 0, cold
    assert loads(project.log) == dict.fromkeys(MODELS, 1)
    assert asked(project.log) == dict.fromkeys(MODELS, 200)
    assert cold.run["model_loads"] == dict.fromkeys(MODELS, 1)
    assert len(cold.claims) == 4

    ran = re.findall(r"^\[(gw\d)\].*(\[\S+\])@(\S+)", cold.stdout, re.MULTILINE)
    assert len(ran) == 10, cold
    assert all(re.search(rf"/{group}(-vs-\w)?]$", name) for _, name, group in ran)
    groups = {(group, worker) for worker, _, group in ran}
    assert Counter(group for group, _ in groups) == dict.fromkeys(MODELS, 1)
    assert len({worker for _, worker in groups}) > 1

    threads = max(
        1, os.cpu_count() // len(MODELS)
    )  # each in a process of its own, with its part of the cores
    assert all(line.endswith(f"with {threads} threads") for line in project.log if line.startswith("load"))

    work = project.log
    warm = project.pytest("evals", "--profile", "both")
    assert warm.status == 0, warm
    assert project.log == work
    assert warm.run["model_loads"] == {}
    assert warm.run["run"] != cold.run["run"]
    assert warm.claims == cold.claims
    assert warm.run["cells"] == cold.run["cells"]


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["one process", "one worker"])
def test_without_others_each_model_is_loaded_once_with_all_cores(make_project, workers):
    project = make_project(*suite())
    outcome = project.pytest("evals/test_claims.py", "--profile", "both", *workers)
    assert outcome.status == 0, outcome
    assert loads(project.log) == dict.fromkeys(MODELS, 1) == outcome.run["model_loads"]
    assert asked(project.log) == dict.fromkeys(MODELS, 200)
    assert outcome.run["seconds"] > 0.75  # the models slept as long before the first test was done
    assert all(
        line.endswith(f"with {os.cpu_count()} threads") for line in project.log if line.startswith("load")
    )
