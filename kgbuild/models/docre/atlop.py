"""ATLOP: adaptive thresholding and localized context pooling (Zhou et al., arXiv 2010.11304).

Every mention stands between markers, and its opening one stands for it. A pair is its two entities,
each in the light of what both attend to; a group bilinear form scores it against every relation and
against a threshold of its own, which is learned as one more class.

Where the annotation says which sentences a relation rests on, what a pair attends to is drawn to
them: the evidence loss of DREEAM (Ma et al., EACL 2023, arXiv 2302.08675), weighted by the option
`evidence`. It has no parameters, and takes nothing where there is no such annotation.

What differs from the published code: any number of windows rather than two; a context for entities
that never share a window; entities that do not grow with the number of their mentions (`pooling`
"logsumexp" is as published). The published decoder keeps at most the best four relations of a pair.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from kgbuild.models.docre.bilinear import CHUNK, GroupBilinear, LocalizedPairs
from kgbuild.models.docre.context import context_and_sentences, localized_context
from kgbuild.models.docre.document_encoder import DocumentEncoder
from kgbuild.models.docre.documents import GivenDocument, PairScores, RelationLabels
from kgbuild.models.docre.objectives import (
    adaptive_threshold_loss,
    evidence_loss,
    expect_none,
    joined,
)
from kgbuild.models.docre.scoring import RelationSystem

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

    from kgbuild.models.docre.document_encoder import DocumentStates


@dataclass(frozen=True, slots=True)
class Options:
    """What an ATLOP is built with.

    Attributes:
        pair_width: Width of an entity in a pair, a multiple of 64.
        pooling: How mentions become entities, one of `pooling.POOLINGS`.
        evidence: Weight of the evidence loss; 0 for none.
        window: Most tokens that the encoder reads at once.
        overlap: Tokens that two neighbouring windows share.
    """

    pair_width: int = 768
    pooling: str = "logmeanexp"
    evidence: float = 0.1
    window: int = 512
    overlap: int = 128


@dataclass(frozen=True, slots=True)
class EvidencedScores(PairScores):
    """Scores, and where the K of the pairs look that have annotated evidence among S sentences.

    Attributes:
        shares: (K, S) How much of a pair's context is of each sentence.
        evidence: (K, S) How much it should be.
    """

    shares: Tensor
    evidence: Tensor


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
        return self._scores(documents, pairs, labels, [None] * len(documents))

    def forward_to_learn(
        self,
        documents: Sequence[GivenDocument],
        pairs: Sequence[Tensor],
        labels: RelationLabels,
        targets: Sequence[Tensor],  # noqa: ARG002  # all labels are scored anyway
        evidence: Sequence[Tensor | None],
    ) -> list[PairScores]:
        """The same and, where there is evidence, what pairs look at."""
        wanted = evidence if self.options.evidence else [None] * len(documents)
        return self._scores(documents, pairs, labels, wanted)

    def _scores(
        self,
        documents: Sequence[GivenDocument],
        pairs: Sequence[Tensor],
        labels: RelationLabels,
        evidence: Sequence[Tensor | None],
    ) -> list[PairScores]:
        columns = [1 + column for column in self.columns(labels)]
        states = self.encoder(documents, attention=True)
        parts = zip(states, pairs, evidence, strict=True)
        return [self._scores_of(*one, columns) for one in parts]

    def _scores_of(
        self, states: "DocumentStates", pairs: Tensor, evidence: Tensor | None, columns: list[int]
    ) -> PairScores:
        if evidence is None:
            parts = [
                self._outputs(states, part, localized_context(states, part))
                for part in torch.split(pairs, CHUNK)
            ]
            outputs = torch.cat(parts)
            return PairScores(outputs[:, columns], outputs[:, 0])
        context, shares = context_and_sentences(states, pairs, evidence.shape[1])
        outputs, told = self._outputs(states, pairs, context), evidence.any(dim=1)
        return EvidencedScores(
            outputs[:, columns], outputs[:, 0], shares[told].float(), evidence[told]
        )

    def _outputs(self, states: "DocumentStates", pairs: Tensor, context: Tensor) -> Tensor:
        """Threshold and logits of pairs, (P, 1 + R)."""
        outputs: Tensor = self.classifier(*self.pairs(states, pairs, context))
        return outputs

    def loss(self, scores: Sequence[PairScores], targets: Sequence[Tensor]) -> Tensor:
        """The adaptive threshold loss, mean over all pairs, and the weighted evidence loss."""
        loss = adaptive_threshold_loss(joined(scores), torch.cat(list(targets)))
        told = [one for one in scores if isinstance(one, EvidencedScores)]
        if not told:
            return loss
        away = evidence_loss([one.shares for one in told], [one.evidence for one in told])
        return loss + self.options.evidence * away
