"""Local vision-language models: one image and the words that prompts share are read once."""

from harness.models.generative.adapter import TransformersModel
from harness.models.generative.respondent import LoadedVlm

__all__ = ["LoadedVlm", "TransformersModel"]
