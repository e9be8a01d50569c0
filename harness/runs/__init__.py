"""The folder of a run, written and read in one place: run.json, claims.json, predictions and pictures."""

from harness.runs.folder import is_run, new_run_folder, run_names
from harness.runs.pictures import keep_pictures
from harness.runs.reader import Run, read_record, read_run
from harness.runs.recorder import Recorder, claim_entry, record_predictions

__all__ = [
    "Recorder",
    "Run",
    "claim_entry",
    "is_run",
    "keep_pictures",
    "new_run_folder",
    "read_record",
    "read_run",
    "record_predictions",
    "run_names",
]
