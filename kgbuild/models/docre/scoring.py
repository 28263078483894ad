"""What every document-level system is.

In go documents whose entities are known, the pairs to be scored and the labels to score them with;
out come a logit for each pair and label and a threshold for each pair. A relation is predicted
where its margin, logit less threshold, is above zero: one convention for a learned threshold class,
a "no relation" class and a fixed probability, so that losses, decoding, calibration and metrics are
written once.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

import torch
from torch import Tensor, nn

from kgbuild.errors import ModelError
from kgbuild.models.docre.document_encoder import DocumentEncoder
from kgbuild.models.docre.documents import GivenDocument, PairScores, RelationLabels

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from transformers import PreTrainedModel


_MOST_NAMED = 8


class RelationFinder(Protocol):
    """What says which relations there are in a document: a system, or one with a second look.

    Attributes:
        known: The labels that it was built for; None: it takes any.
    """

    known: RelationLabels | None

    def odds(
        self,
        document: GivenDocument,
        pairs: Tensor,
        labels: RelationLabels,
        allowed: Tensor | None = None,
    ) -> Tensor:
        """Log odds (M, R) of a document's pairs, on the CPU.

        Args:
            document: Holds the entities.
            pairs: (M, 2) Indices of head and tail entity.
            labels: R labels.
            allowed: (M, R) What an ontology allows; of the rest nobody wants to know. None: all.

        Raises:
            ModelError: One with labels of its own is asked for others.
        """

    def likely(self, odds: Tensor) -> Tensor:
        """Which relations are predicted, (M, R)."""

    def columns(self, labels: RelationLabels) -> list[int]:
        """Where each of `labels` stands among those that are known.

        Raises:
            ModelError: One of them is not.
        """


class RelationSystem(nn.Module, ABC):
    """A system that scores relations between the entities of documents.

    A subclass is made from an encoder of `transformers`, its tokenizer, labels (None for a system
    that takes any) and its own `Options`, a frozen dataclass of plain values.

    Attributes:
        system: Its name on the command line and in saved folders.
        open_labels: Whether it scores labels that it was not built for.
        negatives: How many unrelated pairs it learns from for each related one; None: all.
        most_pairs: How many pairs of a document it learns from at once, where each of them is read
            on its own; None: all.
        label_pool: Of how many sets of labels it is asked for at once while it learns. Of one:
            only documents whose labels are the same are learned from together.
        options: What it was built with.
        encoder: What reads the text, in a system that reads whole documents.
        known: The labels that a closed system was built for.
        most_relations: That one pair may have (four in the released code of ATLOP).
        shift: The margin that a relation has to exceed; found on texts kept aside.
        temperature: What margins beyond that are divided by before they are taken for log odds.
    """

    system: ClassVar[str]
    open_labels: ClassVar[bool]
    negatives: ClassVar[int | None] = None
    most_pairs: ClassVar[int | None] = None
    label_pool: ClassVar[int] = 1
    options: "DataclassInstance"
    encoder: DocumentEncoder
    known: RelationLabels | None = None
    most_relations: int = 4
    shift: float = 0.0
    temperature: float = 1.0

    @abstractmethod
    def forward(
        self,
        documents: Sequence[GivenDocument],
        pairs: Sequence[Tensor],
        labels: RelationLabels,
    ) -> list[PairScores]:
        """Score the pairs of each document, (M, 2): indices of head and tail entity.

        A document's scores do not depend on the others of the batch.

        Raises:
            ModelError: A system with labels of its own is asked for others.
        """

    def forward_to_learn(
        self,
        documents: Sequence[GivenDocument],
        pairs: Sequence[Tensor],
        labels: RelationLabels,
        targets: Sequence[Tensor],  # noqa: ARG002  # for systems that do not score everything
        evidence: Sequence[Tensor | None],  # noqa: ARG002  # for systems that learn where to look
    ) -> list[PairScores]:
        """Score the pairs for `loss`, which knows the targets.

        Args:
            documents: With their sentences, where there is evidence.
            pairs: (M, 2) of each document.
            labels: R labels.
            targets: (M, R) of each document.
            evidence: (M, S) of each document: how much a pair rests on each sentence; a row of
                zeros, or None for a whole document, where nobody said.
        """
        return list(self(documents, pairs, labels))

    @abstractmethod
    def loss(self, scores: Sequence[PairScores], targets: Sequence[Tensor]) -> Tensor:
        """The system's own training loss, for targets (M, R) of 0 and 1; a scalar."""

    @property
    def transformer(self) -> "PreTrainedModel":
        """The encoder of `transformers` that reads the text."""
        return self.encoder.transformer

    def pretrained(self) -> list[nn.Parameter]:
        """Return the encoders' parameters, which learn at a rate of their own."""
        return [at for name, at in self.named_parameters() if "transformer" in name.split(".")]

    def log_odds(self, scores: PairScores) -> Tensor:
        """Log odds of each relation, (M, R)."""
        return (scores.margins - self.shift) / self.temperature

    @torch.no_grad()
    def odds(
        self,
        document: GivenDocument,
        pairs: Tensor,
        labels: RelationLabels,
        allowed: Tensor | None = None,  # noqa: ARG002  # for what takes longer, the more it reads
    ) -> Tensor:
        """Log odds (M, R) of a document's pairs, on the CPU; see `RelationFinder`."""
        [scores] = self([document], [pairs.to(next(self.parameters()).device)], labels)
        return self.log_odds(scores).float().cpu()

    def decide(self, scores: PairScores) -> Tensor:
        """Which relations are predicted, (M, R)."""
        return self.likely(self.log_odds(scores))

    def likely(self, odds: Tensor) -> Tensor:
        """The same, of log odds (M, R): the best few of a pair, if they are likely."""
        return (odds > 0) & best_of_each(odds, self.most_relations)

    @classmethod
    def needed(cls, labels: RelationLabels | None) -> RelationLabels:
        """Return the labels that a closed system is built for.

        Raises:
            ModelError: There are none.
        """
        if labels is None:
            raise ModelError(f"{cls.system} needs the relation types that it is for")
        return labels

    def columns(self, labels: RelationLabels) -> list[int]:
        """Where each of `labels` stands among those that a closed system knows.

        Raises:
            ModelError: One of them is not known.
        """
        known = self.known.names if self.known else ()
        unknown = [name for name in labels.names if name not in known]
        if unknown:
            some = ", ".join(known[:_MOST_NAMED]) + (", …" if len(known) > _MOST_NAMED else "")
            raise ModelError(
                f"{self.system} was trained for {len(known)} relation types, {unknown[0]!r} is not"
                f" one of them ({some}); ask for its own types, which an ontology names by `label`,"
                " or use a system for any label, such as glidre"
            )
        return [known.index(name) for name in labels.names]


def best_of_each(values: Tensor, most: int) -> Tensor:
    """Which values (N, R) are among the highest of their row."""
    at = values.topk(min(most, values.shape[1]), dim=1).indices
    return torch.zeros_like(values, dtype=torch.bool).scatter(1, at, True)
