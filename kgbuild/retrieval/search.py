"""From a question to its best passages, what they mention and say, and the graph around them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Any

from kgbuild.datatypes import Chunk, Entity, Triple
from kgbuild.errors import QueryError
from kgbuild.retrieval.ranking import Question, ends, find
from kgbuild.retrieval.searchable import Place, SearchableGraph

_AROUND = 1_000  # edges at what the question names or the passages mention
_LIKELY = 100  # of these, the ones that are compared with the question
_SHOWN = 25  # edges of a result


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage that was found.

    Attributes:
        score: How well it fits, in [0, 1].
        metadata: Of its document; `source` is the file.
        entities: What it mentions, the most often mentioned first.
        triples: What it says, the closest to the question first.
    """

    chunk: Chunk
    score: float
    metadata: Mapping[str, Any]
    entities: tuple[Entity, ...]
    triples: tuple[Triple, ...]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a graph has to say on a question.

    Attributes:
        passages: The best first.
        entities: Those that the question names, then the ends of the triples.
        triples: Edges at those entities or out of the passages, closest to the question first.
    """

    question: str
    passages: tuple[Passage, ...]
    entities: tuple[Entity, ...]
    triples: tuple[Triple, ...]

    @property
    def chunks(self) -> tuple[tuple[Chunk, float], ...]:
        """The passages' texts with their scores, the best first."""
        return tuple((passage.chunk, passage.score) for passage in self.passages)


def search(graph: SearchableGraph, question: str, *, k: int = 5) -> SearchResult:
    """Find the k best passages.

    Raises:
        QueryError: The question has no words, or k is not positive.
    """
    if k < 1:
        raise QueryError(f"k is {k}; ask for 1 passage or more")
    asked = Question(question, graph)
    scores = find(graph, asked).fused()
    best = list(scores)[:k]
    mentioned = graph.mentioned(best)
    triples = _around(graph, asked, best, mentioned.values())
    ends = (end for t in triples[:_SHOWN] for end in (t.head, t.tail) if isinstance(end, Entity))
    return SearchResult(
        question,
        tuple(
            Passage(
                chunk,
                scores[place],
                metadata,
                tuple(mentioned.get(place, ())),
                tuple(triple for triple in triples if place in _said_in(triple)),
            )
            for place, (chunk, metadata) in graph.passages(best).items()
        ),
        tuple(dict.fromkeys([*asked.named, *ends])),
        tuple(triples[:_SHOWN]),
    )


def _around(
    graph: SearchableGraph,
    question: Question,
    places: Iterable[Place],
    mentioned: Iterable[Sequence[Entity]],
) -> list[Triple]:
    """The edges at the named entities and those that the passages say, the closest first."""
    named = {entity.id for entity in question.named}
    near = {*named, *(entity.id for entities in mentioned for entity in entities)}
    edges = graph.neighbours(sorted(near), limit=_AROUND).triples
    chosen = [
        triple
        for triple in edges
        if not named.isdisjoint(ends(triple)) or not _said_in(triple).isdisjoint(places)
    ]
    return question.closest(nlargest(_LIKELY, chosen, key=lambda triple: triple.score))


def _said_in(triple: Triple) -> set[Place]:
    return {(evidence.document_id, evidence.chunk_index) for evidence in triple.evidence}
