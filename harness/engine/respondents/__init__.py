"""How each kind of model is asked, and how what the store keeps of it is read as answers.

A respondent stands between a model and the store. The store keeps what a model gave: probabilities of a
classifier, embeddings of a contrastive model, log-likelihoods or texts of a generative one. Texts are
parsed when they are read, so that a better parser needs no new answers.
"""

from __future__ import annotations

from harness.engine.respondents.base import Respondent
from harness.engine.respondents.classifier import ClassifierRespondent
from harness.engine.respondents.contrastive import ContrastiveRespondent
from harness.engine.respondents.generative import GenerativeRespondent
from harness.models.base import RunnableModel
from harness.store.answers import Store


def respondent(model: RunnableModel, device: str, dtype: str, store: Store) -> Respondent:
    """The respondent for a model; one that has labels of its own, of whatever capability, reads no prompt."""
    if model.labels:
        return ClassifierRespondent(model, device, dtype, store)
    if model.capability == "contrastive":
        return ContrastiveRespondent(model, device, dtype, store)
    return GenerativeRespondent(model, device, dtype, store)


__all__ = ["Respondent", "respondent"]
