"""What other thresholds would give, from texts that are read once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kgbuild.evaluation.measures import compare, of_relations, of_types
from kgbuild.evaluation.metrics import compare_mentions, compare_relations
from kgbuild.evaluation.reading import Reading
from kgbuild.evaluation.scores import Compared, Score, score
from kgbuild.evaluation.thresholds import LEVELS


@dataclass(frozen=True, slots=True)
class Level:
    """What one threshold gives.

    Attributes:
        mentions: That score above it.
        relations: That score above it, between mentions above their own thresholds.
    """

    threshold: float
    mentions: Score | None
    relations: Score | None

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for scripts."""
        return {
            "threshold": self.threshold,
            "mentions": self.mentions and self.mentions.to_json(),
            "relations": self.relations and self.relations.to_json(),
        }


def try_levels(readings: Sequence[Reading]) -> tuple[Level, ...]:
    """Decode readings, whose candidates reach down to the lowest level, once for each."""
    return tuple(
        Level(
            level,
            _score(compare(of_types(_with_mentions(readings, level)), compare_mentions)),
            _score(compare(of_relations(_with_relations(readings, level)), compare_relations)),
        )
        for level in LEVELS
    )


def _with_mentions(readings: Sequence[Reading], level: float) -> list[Reading]:
    return [replace(one, thresholds=one.thresholds.with_mentions(level)) for one in readings]


def _with_relations(readings: Sequence[Reading], level: float) -> list[Reading]:
    return [replace(one, thresholds=one.thresholds.with_relations(level)) for one in readings]


def _score(documents: Sequence[Compared]) -> Score | None:
    return score([one.counts for one in documents]) if documents else None
