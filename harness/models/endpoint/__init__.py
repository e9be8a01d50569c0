"""Models behind an OpenAI-compatible endpoint: OpenAI, Gemini, vLLM, Ollama, `transformers serve`."""

from harness.models.endpoint.adapter import EndpointModel
from harness.models.endpoint.budget import Budget

__all__ = ["Budget", "EndpointModel"]
