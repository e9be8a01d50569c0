"""Models that are computed from the answers of others, their parents: nothing is loaded, nobody is asked."""

from harness.models.derived.base import Answered, DerivedModel, derived_identity

__all__ = ["Answered", "DerivedModel", "derived_identity"]
