"""Published data as published: samples, their labels and groups, and pixels decoded on demand."""

from harness.stimuli import pixel_digest

from .dataset import Dataset
from .fer2013.ferplus import ferplus_labels, ferplus_votes
from .overlap import exact_overlap
from .registry import load_dataset
from .sample import Sample

__all__ = [
    "Dataset",
    "Sample",
    "exact_overlap",
    "ferplus_labels",
    "ferplus_votes",
    "load_dataset",
    "pixel_digest",
]
