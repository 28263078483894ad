"""KD-DocRE: pairs that see each other, a focal loss, and a teacher (Tan et al., arXiv 2203.10900).

The pairs are ATLOP's. All pairs of a document make a grid and attend to each other along its rows
and columns, so that a relation that follows from two others can be found. The loss weighs rare and
hard relations more. A student on automatically annotated documents learns the annotations and, at
once, the scores of a teacher that was trained on those of people.

What differs from the published code: the grid has the size of the document and no pair of an entity
with itself takes part; the (E, E, 64·z) tensor does not exist; the products are normalised before
they are mixed, and the mixer's last norm begins small; and what differs in `atlop.py`.

Sizes: E entities, P pairs, R relation types, d width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from kgbuild.models.docre.axial import AxialMixer
from kgbuild.models.docre.bilinear import GroupBilinear, LocalizedPairs
from kgbuild.models.docre.context import localized_context
from kgbuild.models.docre.document_encoder import DocumentEncoder
from kgbuild.models.docre.documents import GivenDocument, PairScores, RelationLabels
from kgbuild.models.docre.objectives import (
    adaptive_focal_loss,
    distillation_loss,
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
    """What a KD-DocRE is built with.

    Attributes:
        pair_width: Width of an entity in a pair, a multiple of 64.
        pooling: How mentions become entities, one of `pooling.POOLINGS`.
        layers: How often pairs look at each other.
        heads: Heads of that attention.
        focal_form: One of `objectives.FOCAL_FORMS`.
        gamma: How much more the loss weighs hard relations.
        window: Most tokens that the encoder reads at once.
        overlap: Tokens that two neighbouring windows share.
    """

    pair_width: int = 768
    pooling: str = "logmeanexp"
    layers: int = 6
    heads: int = 8
    focal_form: str = "code"
    gamma: float = 1.0
    window: int = 512
    overlap: int = 128


class KdDocre(RelationSystem):
    """The system; of closed labels.

    Raises:
        ModelError: There are no labels.
    """

    system: ClassVar[str] = "kd-docre"
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
        width = self.encoder.width
        self.pairs = LocalizedPairs(width, options.pair_width, options.pooling)
        self.products = GroupBilinear(options.pair_width, width)
        self.norm = nn.LayerNorm(width)
        self.mixer = AxialMixer(width, n_layers=options.layers, n_heads=options.heads)
        self.classifier = nn.Linear(width, 1 + len(labels.names))
        expect_none(self.classifier.bias)

    def forward(
        self,
        documents: Sequence[GivenDocument],
        pairs: Sequence[Tensor],
        labels: RelationLabels,
    ) -> list[PairScores]:
        """Score pairs; whichever are asked for, they see all pairs of their document."""
        columns = [1 + column for column in self.columns(labels)]
        states = self.encoder(documents, attention=True)
        outputs = [self._outputs(*one) for one in zip(documents, states, pairs, strict=True)]
        return [PairScores(one[:, columns], one[:, 0]) for one in outputs]

    def loss(
        self,
        scores: Sequence[PairScores],
        targets: Sequence[Tensor],
        teacher: Sequence[PairScores] | None = None,
    ) -> Tensor:
        """The adaptive focal loss, mean over all pairs.

        Args:
            scores: Of each document.
            targets: (P, R) of each document.
            teacher: Its scores of the same pairs and labels: to be learned with the targets.
        """
        own = joined(scores)
        loss = adaptive_focal_loss(
            own, torch.cat(list(targets)), form=self.options.focal_form, gamma=self.options.gamma
        )
        return loss if teacher is None else loss + distillation_loss(own, joined(teacher))

    def pretrained(self) -> list[nn.Parameter]:
        """Return the encoder's parameters and the mixer's, which needs as small a rate.

        Six layers without a way around them do not learn at the rate of the others; the published
        code makes the same choice.
        """
        return [*super().pretrained(), *self.mixer.parameters()]

    def _outputs(self, document: GivenDocument, states: "DocumentStates", wanted: Tensor) -> Tensor:
        """Threshold and logits of the wanted pairs (P, 2): (P, 1 + R)."""
        if not len(wanted):
            return states.tokens.new_zeros(0, self.classifier.out_features)
        every = document.pairs
        context = localized_context(states, every)
        products = self.norm(self.products(*self.pairs(states, every, context)))
        size = len(document.entities)
        grid = products.new_zeros(size, size, products.shape[1])
        grid = self.mixer(grid.index_put(tuple(every.T), products))
        outputs: Tensor = self.classifier(grid[tuple(wanted.T)])
        return outputs
