"""Prompts as data, and the parser that reads a model's answer to one."""

from .answers import Answer, Outcome, parse_answer

__all__ = ["Answer", "Outcome", "parse_answer"]
