"""How well a model that is at hand does on annotated records, and at which thresholds it does best.

The records are read once, with low thresholds; what a higher one would leave over follows from
that, because spans and pairs are scored one by one.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kgbuild.datatypes import Document
from kgbuild.decoding import Candidates, decode
from kgbuild.evaluation.inventory import make_ontology
from kgbuild.evaluation.thresholds import Thresholds
from kgbuild.extraction import Scorer, Settings
from kgbuild.models.joint import JointModel
from kgbuild.ontology import Ontology
from kgbuild.training.data import Record
from kgbuild.training.judging import Judge, Tally

MENTION_GRID = [round(0.2 + 0.05 * i, 2) for i in range(15)]
RELATION_GRID = [round(0.1 + 0.05 * i, 2) for i in range(17)]
_AS_GOOD = 0.005  # of F1


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of the records at two thresholds."""

    threshold: float
    relation_threshold: float
    mentions: Tally
    relations: Tally

    @property
    def score(self) -> float:
        """The mean F1 of mentions and relations, or that of what is annotated."""
        annotated = [one.f1 for one in (self.mentions, self.relations) if one.gold]
        return sum(annotated) / max(1, len(annotated))

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for scripts."""
        return {
            "threshold": self.threshold,
            "relation_threshold": self.relation_threshold,
            "mentions": self.mentions.to_json(),
            "relations": self.relations.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Scored:
    """A record, what to look for in it, and what the model makes of it."""

    record: Record
    ontology: Ontology
    candidates: Candidates

    def counts(self, threshold: float, relation_threshold: float) -> tuple[Tally, Tally]:
        """Mentions and relations at two thresholds, compared with the annotation."""
        levels = Thresholds(
            dict.fromkeys(self.ontology.entities, threshold),
            dict.fromkeys(self.ontology.relations, relation_threshold),
        )
        candidates = levels.let_through(self.candidates)
        found = decode("", self.record.text, candidates, self.ontology, "")
        judge = Judge(self.record, self.ontology)
        return judge.count_mentions(found[0]), judge.count_relations(found[1])


class Yardstick:
    """Annotated records to measure on.

    Args:
        records: What is measured.
        known: What the inventories of types come from, besides `records`.
    """

    def __init__(self, records: Sequence[Record], known: Sequence[Record] = ()) -> None:
        of_known = {record.group for record in known}
        [only] = of_known if len(of_known) == 1 else [None]
        members: dict[str, list[Record]] = defaultdict(list)
        measured: dict[str, list[Record]] = defaultdict(list)
        for record in known:
            members[record.group].append(record)
        for record in records:
            group = only if only is not None and not record.relation_types else record.group
            members[group].append(record)
            measured[group].append(record)
        self._groups = [(make_ontology(members[key]), own) for key, own in measured.items()]

    def measure(self, model: JointModel, settings: Settings) -> Measured:
        """Measure at a model's own thresholds."""
        scored = list(self._score(model, settings))
        return _measured(scored, settings.threshold, settings.relation_threshold)

    def tune(self, model: JointModel, settings: Settings) -> Measured:
        """Measure at the thresholds that are best here."""
        low = replace(settings, threshold=MENTION_GRID[0], relation_threshold=RELATION_GRID[0])
        scored = list(self._score(model, low))
        best = _measured(scored, settings.threshold, settings.relation_threshold)
        for _ in range(2):
            best = _middle([_measured(scored, best.threshold, t) for t in RELATION_GRID])
            best = _middle([_measured(scored, t, best.relation_threshold) for t in MENTION_GRID])
        return best

    def _score(self, model: JointModel, settings: Settings) -> Iterator[Scored]:
        for ontology, records in self._groups:
            documents = [Document("", record.text) for record in records]
            candidates = Scorer(model, ontology, settings).candidates(documents)
            for record, found in zip(records, candidates, strict=True):
                yield Scored(record, ontology, found)


def _middle(measured: Sequence[Measured]) -> Measured:
    """Of those that are as good as the best, the middle one: it is chance where a plateau ends."""
    best = max(one.score for one in measured)
    good = [one for one in measured if one.score >= best - _AS_GOOD]
    return good[len(good) // 2]


def _measured(scored: Sequence[Scored], threshold: float, relation_threshold: float) -> Measured:
    counts = [one.counts(threshold, relation_threshold) for one in scored]
    mentions, relations = (sum(of, Tally()) for of in zip(*counts, strict=True))
    return Measured(threshold, relation_threshold, mentions, relations)
