"""ATLOP: adaptive thresholding and localized context pooling (Zhou et al., arXiv 2010.11304).

Every mention stands between markers, and its opening one stands for it. A pair is its two entities,
each in the light of what both attend to; a group bilinear form scores it against every relation and
against a threshold of its own, which is learned as one more class.

What differs from the published code: any number of windows rather than two; a context for entities
that never share a window; entities that do not grow with the number of their mentions (`pooling`
"logsumexp" is as published). The published decoder keeps at most the best four relations of a pair.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from kgbuild.models.docre.bilinear import GroupBilinear, LocalizedPairs
from kgbuild.models.docre.document_encoder import DocumentEncoder
from kgbuild.models.docre.documents import GivenDocument, PairScores, RelationLabels
from kgbuild.models.docre.objectives import adaptive_threshold_loss, expect_none, joined
from kgbuild.models.docre.scoring import RelationSystem

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Options:
    """What an ATLOP is built with.

    Attributes:
        pair_width: Width of an entity in a pair, a multiple of 64.
        pooling: How mentions become entities, one of `pooling.POOLINGS`.
        window: Most tokens that the encoder reads at once.
        overlap: Tokens that two neighbouring windows share.
    """

    pair_width: int = 768
    pooling: str = "logmeanexp"
    window: int = 512
    overlap: int = 128


class Atlop(RelationSystem):
    """The system; of closed labels.

    Raises:
        ModelError: There are no labels.
    """

    system: ClassVar[str] = "atlop"
    open_labels: ClassVar[bool] = False
    options: Options

    def __init__(
        self,
        transformer: "PreTrainedModel",
        tokenizer: "Tokenizer",
        labels: RelationLabels | None,
        options: Options,
    ) -> None:
        super().__init__()
        labels = self.needed(labels)
        self.options, self.known = options, labels
        self.encoder = DocumentEncoder(
            transformer, tokenizer, window=options.window, overlap=options.overlap, marked=True
        )
        self.pairs = LocalizedPairs(self.encoder.width, options.pair_width, options.pooling)
        self.classifier = GroupBilinear(options.pair_width, 1 + len(labels.names))
        expect_none(self.classifier.bias)

    def forward(
        self,
        documents: Sequence[GivenDocument],
        pairs: Sequence[Tensor],
        labels: RelationLabels,
    ) -> list[PairScores]:
        """Score pairs; a document's own threshold class comes first among the outputs."""
        columns = [1 + column for column in self.columns(labels)]
        states = self.encoder(documents, attention=True)
        outputs = [
            self.classifier(*self.pairs(one, wanted))
            for one, wanted in zip(states, pairs, strict=True)
        ]
        return [PairScores(one[:, columns], one[:, 0]) for one in outputs]

    def loss(self, scores: Sequence[PairScores], targets: Sequence[Tensor]) -> Tensor:
        """The adaptive threshold loss, mean over all pairs."""
        return adaptive_threshold_loss(joined(scores), torch.cat(list(targets)))
