"""From a question to the passages that answer it, and the part of the graph around them.

Three rankings of the passages, by meaning (embeddings), by words (full text) and by the graph (the
evidence of edges near the things that the question names), fused by reciprocal rank: Cormack et
al., SIGIR 2009.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest

from kgbuild.connectors.embedded import EmbeddedGraph
from kgbuild.datatypes import Chunk, Entity, Triple
from kgbuild.embeddings import TextEmbedder
from kgbuild.errors import QueryError
from kgbuild.retrieval.passages import Key, Passages

_RANKED = 50  # passages in each of the rankings
_RANK_OFFSET = 60  # the constant of reciprocal rank fusion, as published
_LONGEST_NAME = 8  # words
_NEAR = 100  # edges around a few entities that are compared with the question
_SHOWN = 25  # edges of a result


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a graph has to say on a question.

    Attributes:
        chunks: Passages with their scores, best first; 1 is first in all three rankings.
        entities: Those that the question names, then the ends of the triples.
        triples: Edges at those entities or out of the passages, closest to the question first.
    """

    question: str
    chunks: tuple[tuple[Chunk, float], ...]
    entities: tuple[Entity, ...]
    triples: tuple[Triple, ...]


def search(
    graph: EmbeddedGraph, question: str, *, k: int = 5, embedder: TextEmbedder
) -> SearchResult:
    """Find the k best passages; a passage is embedded the first time it is searched.

    Raises:
        QueryError: The question has no words, or k is not positive.
    """
    if k < 1:
        raise QueryError(f"k is {k}; ask for 1 passage or more")
    if not re.search(r"\w", question):
        raise QueryError("the question is empty; ask with a few words")
    passages = Passages(graph.ledger.database)
    closeness = _Closeness(question, embedder)
    found = [_by_meaning(passages, closeness), passages.with_words(question, _RANKED)]
    named = list(_named(graph, question))
    seeds = [entity.id for entity in named] or passages.entities(_fused(found)[:3])
    found.append(_by_graph(graph, passages, seeds, closeness))
    best = _fused(found)[:k]
    chunks = passages.chunks(best)
    triples = _around(graph, named, passages.entities(best), chunks.values(), closeness)
    ends = (end for t in triples for end in (t.head, t.tail) if isinstance(end, Entity))
    scores = _scores(found)
    return SearchResult(
        question,
        tuple((chunks[key], scores[key]) for key in best if key in chunks),
        tuple(dict.fromkeys([*named, *ends])),
        tuple(triples),
    )


class _Closeness:
    """How close texts are in meaning to the question."""

    def __init__(self, question: str, embedder: TextEmbedder) -> None:
        self._embedder = embedder
        self._question = embedder.embed([question])[0]

    def __call__(self, texts: Sequence[str]) -> list[float]:
        if not texts:
            return []
        return [float(value) for value in self._embedder.embed(texts) @ self._question]

    def sort(self, triples: Iterable[Triple]) -> list[Triple]:
        """The closest first."""
        listed = list(triples)
        values = self([_in_words(triple) for triple in listed])
        order = sorted(range(len(listed)), key=lambda i: (-values[i], i))
        return [listed[i] for i in order]


def _by_meaning(passages: Passages, closeness: _Closeness) -> list[Key]:
    best: list[tuple[float, Key]] = []
    for batch in passages.batches():
        values = closeness([text for _, text in batch])
        best += [(value, -key) for value, (key, _) in zip(values, batch, strict=True)]
        best = nlargest(_RANKED, best)
    return [-key for _, key in best]


def _by_graph(
    graph: EmbeddedGraph, passages: Passages, seeds: Iterable[str], closeness: _Closeness
) -> list[Key]:
    """The passages that say the edges within two steps of some entities."""
    near = graph.neighbours(seeds, hops=2, limit=_NEAR).triples
    said = [(e.document_id, e.chunk_index) for t in closeness.sort(near) for e in t.evidence]
    return passages.keys(list(dict.fromkeys(said))[:_RANKED])


def _named(graph: EmbeddedGraph, question: str) -> Iterator[Entity]:
    """The entities that a question names, the longest names first at each place."""
    words = [match.span() for match in re.finditer(r"\w+", question)]
    at = 0
    while at < len(words):
        for end in range(min(at + _LONGEST_NAME, len(words)), at, -1):
            found = list(graph.entities(question[words[at][0] : words[end - 1][1]]))
            if found:
                yield from found
                at = end
                break
        else:
            at += 1


def _around(
    graph: EmbeddedGraph,
    named: Sequence[Entity],
    mentioned: Sequence[str],
    chunks: Iterable[Chunk],
    closeness: _Closeness,
) -> list[Triple]:
    """The edges at the named entities and those that the passages say."""
    at = {entity.id for entity in named}
    said_in = {(chunk.document_id, chunk.index) for chunk in chunks}
    edges = graph.neighbours([*at, *mentioned], hops=1).triples
    chosen = [
        triple
        for triple in edges
        if any(isinstance(end, Entity) and end.id in at for end in (triple.head, triple.tail))
        or any((e.document_id, e.chunk_index) in said_in for e in triple.evidence)
    ]
    likely = nlargest(_NEAR, chosen, key=lambda triple: triple.score)
    return closeness.sort(likely)[:_SHOWN]


def _in_words(triple: Triple) -> str:
    return f"{triple.head} {triple.type} {triple.tail}"


def _fused(rankings: Sequence[Sequence[Key]]) -> list[Key]:
    scores = _scores(rankings)
    return sorted(scores, key=lambda key: (-scores[key], key))


def _scores(rankings: Sequence[Sequence[Key]]) -> dict[Key, float]:
    """Reciprocal ranks, as a share of what being first in all rankings gives."""
    scores: dict[Key, float] = defaultdict(float)
    for ranking in rankings:
        for rank, key in enumerate(ranking):
            scores[key] += (_RANK_OFFSET + 1) / (_RANK_OFFSET + 1 + rank) / len(rankings)
    return scores
