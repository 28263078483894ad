"""Mentions → entities: one vector for all mentions of an entity.

Sizes: L tokens, d width, M mentions, E entities.
"""

import torch
from torch import Tensor

from kgbuild.errors import ModelError
from kgbuild.models.docre.document_encoder import DocumentStates, TokenizedDocument

POOLINGS = ("mean", "start", "logsumexp", "logmeanexp")


def pool_entities(states: DocumentStates, how: str) -> Tensor:
    """Entity vectors, (E, d).

    Args:
        states: Of one document.
        how: One of `POOLINGS`. `mean`: of all tokens of all mentions (GLiDRE, arXiv 2508.00757);
            `start`: of the mentions' first tokens. `logsumexp` of the first tokens (ATLOP, arXiv
            2010.11304, equation 2) grows with the number of mentions, which a long text makes
            large; `logmeanexp` is the same for a single mention and does not grow.

    Raises:
        ModelError: There is no such way.
    """
    if how not in POOLINGS:
        raise ModelError(f"pooling is {how!r}; known are {', '.join(POOLINGS)}")
    document, tokens = states.document, states.tokens
    entity = document.entity.to(tokens.device)
    if how == "mean":
        at, mention = _tokens_of(document)
        return _means(tokens[at], entity[mention], n_entities(document))
    first = tokens[document.first]
    if how == "start":
        return _means(first, entity, n_entities(document))
    largest = _largest(first.detach(), entity, n_entities(document))  # exp would overflow
    summed = torch.zeros_like(largest).index_add(0, entity, (first - largest[entity]).exp())
    if how == "logmeanexp":
        summed = summed / _counts(entity, len(largest))
    return largest + summed.log()


def mean_rows(rows: Tensor, document: TokenizedDocument) -> Tensor:
    """Means over each entity's mentions: (M, ...) → (E, ...)."""
    return _means(rows, document.entity.to(rows.device), n_entities(document))


def n_entities(document: TokenizedDocument) -> int:
    """E; every entity has a mention, and they stand in order."""
    return int(document.entity[-1]) + 1 if len(document.entity) else 0


def _tokens_of(document: TokenizedDocument) -> tuple[Tensor, Tensor]:
    """Every token of every mention, and the mention that it is of."""
    lengths = document.last - document.first + 1
    mention = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
    before = lengths.cumsum(0) - lengths  # tokens of earlier mentions
    return document.first[mention] + torch.arange(len(mention)) - before[mention], mention


def _means(vectors: Tensor, owner: Tensor, n: int) -> Tensor:
    summed = vectors.new_zeros(n, *vectors.shape[1:]).index_add(0, owner, vectors)
    return summed / _counts(owner, n).view(-1, *[1] * (vectors.ndim - 1))


def _counts(owner: Tensor, n: int) -> Tensor:
    return torch.bincount(owner, minlength=n)[:, None]


def _largest(vectors: Tensor, owner: Tensor, n: int) -> Tensor:
    index = owner[:, None].expand_as(vectors)
    return vectors.new_zeros(n, vectors.shape[1]).scatter_reduce(
        0, index, vectors, reduce="amax", include_self=False
    )
