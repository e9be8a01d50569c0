"""Prompts as data, the questions they render to, and the parser that reads a model's answer."""

from .answers import Answer, Outcome, parse_answer
from .prompt import Prompt
from .question import Question, Reply

__all__ = ["Answer", "Outcome", "Prompt", "Question", "Reply", "parse_answer"]
