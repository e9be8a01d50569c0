"""Contrastive models of images and texts, by open_clip."""

from harness.models.contrastive.adapter import OpenClipModel

__all__ = ["OpenClipModel"]
