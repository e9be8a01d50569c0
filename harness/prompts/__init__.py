"""Prompts as data, the questions they render to, and the parser that reads a model's answer."""

from .answers import Answer, Outcome, parse_answer
from .orders import DESIGNS, design_size, label_order
from .prompt import Prompt
from .question import Question, Reply
from .render import ask
from .wording import wordings

__all__ = [
    "DESIGNS",
    "Answer",
    "Outcome",
    "Prompt",
    "Question",
    "Reply",
    "ask",
    "design_size",
    "label_order",
    "parse_answer",
    "wordings",
]
