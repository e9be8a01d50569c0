"""Published data as published: samples, their labels and groups, and pixels decoded on demand."""

from .dataset import Dataset, Sample
from .fer2013.ferplus import ferplus_labels, ferplus_votes
from .overlap import exact_overlap
from .pixels import pixel_digest
from .registry import load_dataset

__all__ = [
    "Dataset",
    "Sample",
    "exact_overlap",
    "ferplus_labels",
    "ferplus_votes",
    "load_dataset",
    "pixel_digest",
]
