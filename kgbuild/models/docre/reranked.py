"""A second look: what a system is unsure of is read again, pair by pair, by adapted predicates.

To read every pair on its own is slow; to do so where it may change something is not.
"""

from pathlib import Path

import torch
from torch import Tensor

from kgbuild.errors import ModelError
from kgbuild.models.docre.adapted_predicates import AdaptedPredicates
from kgbuild.models.docre.documents import GivenDocument, RelationLabels
from kgbuild.models.docre.saving import load_system
from kgbuild.models.docre.scoring import RelationFinder, RelationSystem, best_of_each

BAND = 2.0
"""A pair is uncertain if the highest of its log odds is this close to zero."""
MOST_LABELS = 4
"""Of an uncertain pair that are looked at, the likeliest ones."""
WEIGHT = 0.5
"""Of what the second look finds, in the mean with what was found before."""


class Reranked:
    """A system, and one that looks again; see `RelationFinder`.

    Args:
        first: Any trained system; which labels there can be is up to it.
        second: One of adapted predicates.

    Raises:
        ModelError: The second is something else.
    """

    def __init__(self, first: RelationSystem, second: RelationSystem) -> None:
        if not isinstance(second, AdaptedPredicates):
            raise ModelError(
                f"{second.system} does not look again at what others found; adapted-predicates does"
            )
        self._first, self._second = first, second
        self.known = first.known

    def odds(
        self,
        document: GivenDocument,
        pairs: Tensor,
        labels: RelationLabels,
        allowed: Tensor | None = None,
    ) -> Tensor:
        """Log odds (M, R) of the first system; where it is unsure, the mean of both."""
        odds = self._first.odds(document, pairs, labels)
        chosen = unsure(odds if allowed is None else odds.masked_fill(~allowed, -torch.inf))
        rows = torch.nonzero(chosen.any(dim=1)).flatten()
        again = torch.zeros_like(odds)
        again[rows] = self._second.compare(document, pairs[rows], labels, chosen[rows])
        return torch.where(chosen, (1 - WEIGHT) * odds + WEIGHT * again, odds)

    def likely(self, odds: Tensor) -> Tensor:
        """Which relations are predicted, (M, R)."""
        return self._first.likely(odds)

    def columns(self, labels: RelationLabels) -> list[int]:
        """Where each of `labels` stands among those of the first system."""
        return self._first.columns(labels)


def load_finder(folder: Path, rerank: Path | None, device: str) -> RelationFinder:
    """Load a system and, if there is one, what takes the second look.

    Raises:
        ModelError: One of them cannot be loaded, or the second is not one of adapted predicates.
    """
    first = load_system(folder).to(device)
    return first if rerank is None else Reranked(first, load_system(rerank).to(device))


def unsure(odds: Tensor) -> Tensor:
    """Which labels (M, R) are worth a second look, by log odds; those of -inf never are."""
    if not odds.numel():
        return torch.zeros_like(odds, dtype=torch.bool)
    uncertain = odds.amax(dim=1, keepdim=True).abs() < BAND
    return best_of_each(odds, MOST_LABELS) & uncertain & odds.isfinite()
