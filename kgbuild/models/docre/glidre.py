"""GLiDRE: any labels, read apart from the document (arXiv 2508.00757).

Document and labels have an encoder each. An entity's vector is the mean over all tokens of its
mentions; with the localized context of a pair it becomes z = tanh(F([h; c])). A pair's vector
F([z_head; z_tail]) is multiplied with the label's, G(label); the sigmoid of the product is the
probability. What the released code does otherwise than the paper says is in the design sheet; here
α and γ of the focal loss are what they are called, and the loss is divided by the positive cells.

It learns new labels the better, the more it has seen: where documents come with labels of their
own, it is asked for those of others as well, which do not hold (the paper pools those of four).
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from kgbuild.models.docre.context import localized_context
from kgbuild.models.docre.document_encoder import DocumentEncoder, DocumentStates
from kgbuild.models.docre.documents import GivenDocument, PairScores, RelationLabels
from kgbuild.models.docre.label_encoder import LabelEncoder
from kgbuild.models.docre.objectives import focal_loss, joined
from kgbuild.models.docre.pooling import pool_entities
from kgbuild.models.docre.scoring import RelationSystem
from kgbuild.models.span_layers import head

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PAIRS_AT_ONCE = 2048
PRIOR = 4.0
"""Log odds against a relation of which nothing is known; the rest is in the loss's α.

Without it the first steps go into learning to say no (arXiv 1708.02002, section 4.1).
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen; the defaults are the paper's where it can be followed."""

    width: int = 384
    """Of the vectors that are multiplied; the paper has 768 with an encoder of 1,024."""
    dropout: float = 0.4
    context: bool = True
    """Whether pairs have a localized context."""
    alpha: float = 0.8
    gamma: float = 0.8
    """The γ that the published scores were made with."""


class Glidre(RelationSystem):
    """A bi-encoder of documents and labels.

    Args:
        transformer: Encoder of documents; that of labels begins as a copy of it.
        tokenizer: Of both.
        labels: None.
        options: See there.
    """

    system = "glidre"
    open_labels = True
    label_pool = 4

    options: Options

    def __init__(
        self,
        transformer: "PreTrainedModel",
        tokenizer: Tokenizer,
        labels: RelationLabels | None,
        options: Options,
    ) -> None:
        super().__init__()
        self.options = options
        self.encoder = DocumentEncoder(transformer, tokenizer)
        self.label_encoder = LabelEncoder(deepcopy(transformer), tokenizer)
        own, width, dropout = self.encoder.width, options.width, options.dropout
        self.of_document = nn.Linear(own, width)
        self.of_label = nn.Linear(own, width)
        if options.context:
            self.as_head = head(2 * width, width, dropout)
            self.as_tail = head(2 * width, width, dropout)
        self.of_pair = head(2 * width, width, dropout)
        self.label_side = head(width, width, dropout)

    def forward(
        self,
        documents: Sequence[GivenDocument],
        pairs: Sequence[Tensor],
        labels: RelationLabels,
    ) -> list[PairScores]:
        """Score pairs of each document (M, 2) against any labels; the threshold is fixed."""
        read = self.encoder(documents, attention=self.options.context)
        vectors = self.label_side(self.of_label(self.label_encoder(labels)))
        return [self._score(states, of, vectors) for states, of in zip(read, pairs, strict=True)]

    def _score(self, states: DocumentStates, pairs: Tensor, labels: Tensor) -> PairScores:
        """Logits are p · u for the vectors p of pairs and u (R, width) of labels."""
        states = replace(states, tokens=self.of_document(states.tokens))
        entities = pool_entities(states, "mean")
        pairs = pairs.to(entities.device)
        logits = [
            self._vectors(entities, part, self._context(states, part)) @ labels.T
            for part in torch.split(pairs, PAIRS_AT_ONCE)
        ]
        joined = torch.cat(logits)
        return PairScores(joined, joined.new_full((len(joined),), PRIOR))

    def _context(self, states: DocumentStates, pairs: Tensor) -> Tensor | None:
        return localized_context(states, pairs) if self.options.context else None

    def _vectors(self, entities: Tensor, pairs: Tensor, context: Tensor | None) -> Tensor:
        """Vectors of P pairs from those of their entities and their context, all (P, width)."""
        heads, tails = entities[pairs[:, 0]], entities[pairs[:, 1]]
        if context is not None:
            heads = torch.tanh(self.as_head(torch.cat([heads, context], dim=-1)))
            tails = torch.tanh(self.as_tail(torch.cat([tails, context], dim=-1)))
        vectors: Tensor = self.of_pair(torch.cat([heads, tails], dim=-1))
        return vectors

    def loss(self, scores: Sequence[PairScores], targets: Sequence[Tensor]) -> Tensor:
        """Focal loss over all cells of a batch, per positive cell."""
        wanted, options = torch.cat(list(targets)), self.options
        return focal_loss(joined(scores), wanted, alpha=options.alpha, gamma=options.gamma)
