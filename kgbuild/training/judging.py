"""What annotation says of a mention or relation that was found: right, wrong, or nothing.

Where annotation is exhaustive this comes to the same as `kgbuild.evaluation`; where it is not,
what it does not speak of is left out on both sides.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kgbuild.datatypes import Mention, Relation, Span
from kgbuild.ontology import Ontology
from kgbuild.training.data import UNTYPED, Record

Verdict = bool | None


@dataclass(frozen=True, slots=True)
class Tally:
    """How much was found, how much is there, and how much of it agrees."""

    correct: int = 0
    predicted: int = 0
    gold: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.correct + other.correct,
            self.predicted + other.predicted,
            self.gold + other.gold,
        )

    @property
    def precision(self) -> float:
        return self.correct / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        return self.correct / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        total = self.predicted + self.gold
        return 2 * self.correct / total if total else 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for scripts."""
        shares = {name: round(getattr(self, name), 4) for name in ("precision", "recall", "f1")}
        return {**shares, "gold": self.gold}


class Judge:
    """Speaks for one annotated record.

    Args:
        record: What is annotated.
        ontology: Says which relations read the same from both ends.
    """

    def __init__(self, record: Record, ontology: Ontology) -> None:
        self._record = record
        self._owner = {span: e for e, spans in enumerate(record.mentions) for span in spans}
        self._mentions = {
            (span, record.types[entity])
            for span, entity in self._owner.items()
            if record.types[entity] not in UNTYPED
        }
        self._typed = not record.types or not set(record.types) <= UNTYPED
        symmetric = {name for name, type in ontology.relations.items() if type.symmetric}
        self._relations = {_ordered(*each, symmetric) for each in record.relations}
        self._denied = {_ordered(*each, symmetric) for each in record.denied}
        self._pairs = {frozenset((h, t)) for h, _, t in record.relations}
        self._pairs |= {frozenset(pair) for pair in record.negative_pairs}
        self._symmetric = symmetric

    def mention(self, span: Span, type: str) -> Verdict:
        """Whether there is a mention of a type at a span."""
        if (span, type) in self._mentions:
            return True
        owner = self._owner.get(span)
        if owner is not None:
            return None if self._record.types[owner] in UNTYPED else False
        return False if self._record.exhaustive_entities and self._typed else None

    def relation(self, head: Span, type: str, tail: Span) -> Verdict:
        """Whether a relation holds between what two spans mention."""
        ends = self._end(head), self._end(tail)
        fact = _ordered(ends[0], type, ends[1], self._symmetric)
        if fact in self._relations:
            return True
        known = self._record.known_relations
        if fact in self._denied or self._record.exhaustive_relations:
            return False
        if known is not None:
            return False if type in known else None
        return False if frozenset(ends) in self._pairs else None

    def count_mentions(self, found: Iterable[Mention]) -> Tally:
        """How many of these are right, of those that the annotation speaks of."""
        verdicts = [self.mention(one.span, one.type) for one in found]
        judged = [verdict for verdict in verdicts if verdict is not None]
        return Tally(sum(judged), len(judged), len(self._mentions))

    def count_relations(self, found: Iterable[Relation]) -> Tally:
        """The same of relations; one that is found at several mentions counts once."""
        verdicts = {
            _ordered(self._end(one.head.span), one.type, self._end(one.tail.span), self._symmetric):
                self.relation(one.head.span, one.type, one.tail.span)
            for one in found
        }  # fmt: skip
        judged = [verdict for verdict in verdicts.values() if verdict is not None]
        return Tally(sum(judged), len(judged), len(self._relations))

    def _end(self, span: Span) -> int | Span:
        return self._owner.get(span, span)


def _ordered(
    head: int | Span, type: str, tail: int | Span, symmetric: set[str]
) -> tuple[int | Span, str, int | Span]:
    """A fact in one of its two directions where both say the same."""
    if type in symmetric and repr(tail) < repr(head):
        return tail, type, head
    return head, type, tail
