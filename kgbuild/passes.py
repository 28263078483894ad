"""An ontology → the label prompts that ask for all of it.

A small ontology is asked for in one pass over the text. A larger one does not fit in front of the
text, so it is asked for in several, each with some relations and the entity types at their ends.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from kgbuild.errors import OntologyError
from kgbuild.ontology import Ontology

Size = Callable[[Sequence[str], Sequence[str]], int]


@dataclass(frozen=True, slots=True)
class Pass:
    """The entity and relation types that are asked for together, by name."""

    entities: tuple[str, ...]
    relations: tuple[str, ...]

    def pairable(self, ontology: Ontology) -> NDArray[np.bool_]:
        """(C, C): whether any of the relations may lead from one type to the other."""
        return np.array(
            [
                [
                    any(ontology.allows(r, head, tail) for r in self.relations)
                    for tail in self.entities
                ]
                for head in self.entities
            ],
            dtype=bool,
        ).reshape(len(self.entities), len(self.entities))


def plan(ontology: Ontology, size: Size, budget: int) -> list[Pass]:
    """Split an ontology into passes whose prompts fit.

    Args:
        ontology: Every type is in at least one pass, and every relation stands at least once
            together with each pair of types that it may link.
        size: Tokens of a prompt with these entity and relation *labels*.
        budget: The most tokens of a prompt.

    Raises:
        OntologyError: A single relation with two types does not fit.
    """

    def fits(entities: Sequence[str], relations: Sequence[str]) -> bool:
        labels = [ontology.entities[name].label for name in entities]
        return size(labels, [ontology.relations[name].label for name in relations]) <= budget

    everything = Pass(tuple(ontology.entities), tuple(ontology.relations))
    if fits(everything.entities, everything.relations):
        return [everything]
    passes: list[Pass] = []
    for needed, relation in _needs(ontology, fits):
        last = passes[-1] if passes else Pass((), ())
        entities = tuple(dict.fromkeys((*last.entities, *needed)))
        relations = tuple(dict.fromkeys((*last.relations, *relation)))
        if passes and fits(entities, relations):
            passes[-1] = Pass(entities, relations)
        elif fits(needed, relation):
            passes.append(Pass(needed, relation))
        else:
            label = (relation or needed)[0]
            raise OntologyError(
                f"{ontology.name}: {label}: its label is too long for the model;"
                " give it a short `label`"
            )
    return passes


def _needs(
    ontology: Ontology, fits: Callable[[Sequence[str], Sequence[str]], bool]
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Which types have to stand together with which relation; last, the types of no relation."""
    seen: set[str] = set()
    ends = {
        name: tuple(
            t for t in ontology.entities if t in ontology.heads(name) | ontology.tails(name)
        )
        for name in ontology.relations
    }
    for name in sorted(ontology.relations, key=lambda name: (ends[name], name)):
        seen.update(ends[name])
        yield from ((types, (name,)) for types in _together(ends[name], name, fits))
    for entity in ontology.entities:
        if entity not in seen:
            yield (entity,), ()


def _together(
    types: tuple[str, ...], relation: str, fits: Callable[[Sequence[str], Sequence[str]], bool]
) -> Iterator[tuple[str, ...]]:
    """Groups of types that fit in one prompt with a relation and hold every pair of types."""
    parts = 1
    while parts < len(types) and not fits(types[: 2 * -(-len(types) // parts)], (relation,)):
        parts *= 2
    if fits(types, (relation,)) or parts == 1:
        yield types
        return
    step = -(-len(types) // parts)
    shards = [types[i : i + step] for i in range(0, len(types), step)]
    for a, b in combinations_with_replacement(range(len(shards)), 2):
        if a != b or len(shards) == 1:
            yield shards[a] + shards[b] if a != b else shards[a]
