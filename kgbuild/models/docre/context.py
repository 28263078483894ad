"""Localized context: what both entities of a pair look at.

The words that matter for a pair are those that the mentions of both attend to (ATLOP, arXiv
2010.11304, section 3.3). Attention ends at the border of a window, so that entities that never
share a window share nothing, and published code then has no context at all. Here it is the mean of
what each of the two looks at alone.

Sizes: E entities, A attention heads, L tokens, S sentences, d width, P pairs.
"""

import torch
from torch import Tensor

from kgbuild.errors import ModelError
from kgbuild.models.docre.document_encoder import DocumentStates
from kgbuild.models.docre.pooling import mean_rows

NOTHING_SHARED = 1e-9
"""Sum over the tokens of the product of two rows of attention below which they share nothing."""


def localized_context(states: DocumentStates, pairs: Tensor) -> Tensor:
    """Context vectors (P, d) of the pairs (P, 2) of one document.

    Raises:
        ModelError: The document was read without attention.
    """
    return context_of_rows(_rows(states), states.tokens, pairs.to(states.tokens.device))


def context_and_sentences(
    states: DocumentStates, pairs: Tensor, n_sentences: int
) -> tuple[Tensor, Tensor]:
    """The same and, of the weights that it is a mean with, the sum over each sentence, (P, S).

    DREEAM (Ma et al., arXiv 2302.08675) takes these sums for how much a pair rests on the sentence.
    They come with the context: a sum over some tokens is the mean of what is 1 there and 0
    elsewhere. They sum to 1, less the weight of tokens outside all sentences.

    Raises:
        ModelError: The document was read without attention, or its sentences are not known.
    """
    if states.document.sentence is None:
        raise ModelError("the weights of sentences need the sentences of the document")
    sentence = states.document.sentence.to(states.tokens.device)
    within = sentence[:, None] == torch.arange(n_sentences, device=sentence.device)  # (L, S)
    columns = torch.cat([states.tokens, within.to(states.tokens)], dim=1)
    both = context_of_rows(_rows(states), columns, pairs.to(columns.device))
    context, shares = torch.split(both, [states.tokens.shape[1], n_sentences], dim=1)
    return context, shares


def context_of_rows(rows: Tensor, tokens: Tensor, pairs: Tensor) -> Tensor:
    """The same of entities' attention (E, A, L), rows that sum to 1, and tokens (L, d).

    With q = mean over heads of rows[h] ∘ rows[t], the context is tokensᵀ q / Σ q. The pairs of one
    head entity are computed at a time, over the tokens that it attends to: those of the windows
    that it is in. Neither a (P, L) tensor nor a (P, A, L) one ever exists.
    """
    alone = rows.mean(dim=1) @ tokens  # (E, d)
    heads, tails = pairs[:, 0], pairs[:, 1]
    order = torch.argsort(heads, stable=True)
    contexts = [tokens.new_zeros(0, tokens.shape[1])]
    for head, group in _by_head(heads[order], tails[order]):
        seen = torch.nonzero(rows[head].sum(dim=0)).flatten()
        both = torch.einsum("al,tal->tl", rows[head][:, seen], rows[group][:, :, seen])
        both = both / rows.shape[1]
        mass = both.sum(dim=1, keepdim=True)
        shared = both @ tokens[seen] / mass.clamp(min=NOTHING_SHARED)
        apart = (alone[head] + alone[group]) / 2
        contexts.append(torch.where(mass > NOTHING_SHARED, shared, apart))
    return torch.cat(contexts)[torch.argsort(order)]


def _rows(states: DocumentStates) -> Tensor:
    """What each entity attends to, (E, A, L)."""
    if states.attention is None:
        raise ModelError("the localized context needs the attention of mentions")
    return mean_rows(states.attention, states.document)


def _by_head(heads: Tensor, tails: Tensor) -> list[tuple[int, Tensor]]:
    """Each head entity and its tails, of pairs in order of their heads."""
    entities, counts = torch.unique_consecutive(heads, return_counts=True)
    return list(zip(entities.tolist(), torch.split(tails, counts.tolist()), strict=True))
