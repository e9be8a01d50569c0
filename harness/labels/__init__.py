"""Label spaces, the maps between them, and the sentiment and arousal of their concepts."""

from .affect import Affect, affect
from .mapping import LabelMap, label_map
from .space import LabelSpace, label_space, label_spaces

__all__ = ["Affect", "LabelMap", "LabelSpace", "affect", "label_map", "label_space", "label_spaces"]
