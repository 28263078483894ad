"""What goes into a document-level system and what comes out of it."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class GivenEntity:
    """An entity and the character spans of its mentions, half-open, at least one."""

    type: str
    mentions: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class GivenDocument:
    """A text of any length and its E entities.

    Attributes:
        sentences: Their character spans, in order; only to learn from evidence.
    """

    text: str
    entities: tuple[GivenEntity, ...]
    sentences: tuple[tuple[int, int], ...] = ()

    @property
    def pairs(self) -> Tensor:
        """All ordered pairs of different entities, (E · (E - 1), 2)."""
        n = len(self.entities)
        every = [(h, t) for h in range(n) for t in range(n) if h != t]
        return torch.tensor(every, dtype=torch.long).view(-1, 2)


@dataclass(frozen=True, slots=True)
class RelationLabels:
    """R relation types.

    Attributes:
        names: Distinct.
        descriptions: One for each, empty where there is none.
    """

    names: tuple[str, ...]
    descriptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PairScores:
    """Scores of one document's M pairs against R labels.

    Attributes:
        logits: (M, R).
        threshold: (M,); a relation is predicted where its logit is above it.
    """

    logits: Tensor
    threshold: Tensor

    @property
    def margins(self) -> Tensor:
        """Logits less thresholds, (M, R)."""
        return self.logits - self.threshold[:, None]
