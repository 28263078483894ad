"""Thresholds that are tried out: the texts are read once, with low ones, and decoded many times.

This gives what reading under each of the thresholds would give: a span is blocked only by one that
scores better, and a pair's scores do not depend on others. Two things may differ a little. An
adjacency decoder looks at all spans together, and where chunks overlap, a pair that only one of
them would have scored is scored in both.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from kgbuild.decoding import Candidates
from kgbuild.extraction import Settings
from kgbuild.ontology import Ontology

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The least score of each entity type and relation type."""

    entities: Mapping[str, float]
    relations: Mapping[str, float]

    @classmethod
    def of(cls, ontology: Ontology, settings: Settings) -> "Thresholds":
        """What the ontology says, and the model's settings where it says nothing."""
        entities = {name: type.threshold for name, type in ontology.entities.items()}
        relations = {name: type.threshold for name, type in ontology.relations.items()}
        return cls(
            {n: settings.threshold if t is None else t for n, t in entities.items()},
            {n: settings.relation_threshold if t is None else t for n, t in relations.items()},
        )

    def with_mentions(self, level: float) -> "Thresholds":
        """One threshold for all entity types."""
        return replace(self, entities=dict.fromkeys(self.entities, level))

    def with_relations(self, level: float) -> "Thresholds":
        """One threshold for all relations."""
        return replace(self, relations=dict.fromkeys(self.relations, level))

    def let_through(self, candidates: Candidates) -> Candidates:
        """The candidates that score above their thresholds."""
        types = {
            span: {name: score for name, score in scores.items() if score > self.entities[name]}
            for span, scores in candidates.types.items()
        }
        relations = candidates.relations.items()
        return Candidates(
            {span: scores for span, scores in types.items() if scores},
            {edge: score for edge, score in relations if score > self.relations[edge[1]]},
        )


def lowered(ontology: Ontology, own: Thresholds) -> Ontology:
    """The ontology with thresholds so low that all levels, and its own, can be decoded."""

    def low(levels: Iterable[float]) -> float:
        return min((LEVELS[0], *levels))

    mention, relation = low(own.entities.values()), low(own.relations.values())
    entities, relations = ontology.entities.items(), ontology.relations.items()
    return replace(
        ontology,
        entities={name: replace(type, threshold=mention) for name, type in entities},
        relations={name: replace(type, threshold=relation) for name, type in relations},
    )
