"""What a model answered: its free text, read as one label or as one of four ways of not giving one."""

from .answer import Answer, Outcome
from .parser import parse_answer

__all__ = ["Answer", "Outcome", "parse_answer"]
