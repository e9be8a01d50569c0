"""Restoration: what happens to pixels before any model sees them."""

from harness.restoration.restorer import Restorer, get_restorer

__all__ = ["Restorer", "get_restorer"]
