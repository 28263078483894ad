"""The types that a group of records shares, and which of them are easily taken for one another.

Two types are alike if their names share words, if they stand in the same texts, and if they have
the same neighbours: relations that link the same types of entities, the same way round or the
other, and entity types that stand at the same ends of relations.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

from kgbuild.training.data import UNTYPED, Record

_STEM = 5  # letters: "located" and "location" share a stem

Features = Mapping[str, Counter[str]]


class Likeness:
    """How alike types are, from 0 to 1.

    Args:
        features: Per type, what it was seen with and how often.
    """

    def __init__(self, features: Features) -> None:
        self.names = sorted(features)
        self._features = features
        self.of: Callable[[str, str], float] = cache(self._of)

    def likest(self, name: str, others: Iterable[str]) -> float:
        """How like a type is to the likest of some others."""
        return max((self.of(name, other) for other in others), default=0.0)

    def _of(self, a: str, b: str) -> float:
        stems = [{word[:_STEM] for word in name.casefold().split()} for name in (a, b)]
        words = len(stems[0] & stems[1]) / max(1, len(stems[0] | stems[1]))
        return max(
            words, _overlap(self._features.get(a, Counter()), self._features.get(b, Counter()))
        )


class Inventory:
    """The entity and relation types of some records."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.entities = Likeness(_entity_features(records))
        self.relations = Likeness(_relation_features(records))


def _entity_features(records: Sequence[Record]) -> dict[str, Counter[str]]:
    features: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        present = {*record.types} - UNTYPED
        for name in present:
            features[name].update(f"with {other}" for other in present)
        for name in record.entity_types:
            features[name].update(())
        for head, name, tail in record.relations:
            features[record.types[head]][f"head of {name}"] += 1
            features[record.types[tail]][f"tail of {name}"] += 1
    return {name: seen for name, seen in features.items() if name not in UNTYPED}


def _relation_features(records: Sequence[Record]) -> dict[str, Counter[str]]:
    """Both directions count: an inverse links the same types the other way round."""
    features: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        present = {name for _, name, _ in record.relations}
        for name in record.relation_types:
            features[name].update(())
        for head, name, tail in (*record.relations, *record.denied):
            ends = sorted((record.types[head], record.types[tail]))
            features[name][" and ".join(ends)] += 1
            features[name].update(f"with {other}" for other in present)
    return dict(features)


def _overlap(a: Counter[str], b: Counter[str]) -> float:
    """Shared occurrences / those of the rarer one: the Szymkiewicz-Simpson coefficient."""
    return (a & b).total() / max(1, min(a.total(), b.total()))
