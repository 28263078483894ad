"""From a question to the passages that answer it, best first.

A passage can be found in three ways, and each says how good it is in [0, 1]: by meaning, the cosine
of the question and the passage; by words, BM25 as a share of the best; by the graph, how well an
edge that the passage says fits the question, times the edge's score. Edges are looked for at the
things that the question names and one step further: there, it is the way that has to fit, both
edges together. An edge at a named thing always looks a little like the question, so an edge fits
only as far as its cosine is above a half; that keeps what a small model invents out of the way.

The passage's score is the weighted mean. Sums of scores were better than sums of reciprocal ranks,
which forget how far ahead the first is; `benchmarks/retrieval.py` compares.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kgbuild.datatypes import Entity, Triple
from kgbuild.embeddings import Vectors
from kgbuild.errors import QueryError
from kgbuild.retrieval.searchable import Place, SearchableGraph

_FOUND = 50  # passages by meaning, and as many by words
_NEAR = 100  # edges at what the question names
_FOLLOWED = 25  # of these, the ones whose ends are gone on from
_FAR = 200  # edges there

_MEANING, _WORDS, _GRAPH = 1.0, 0.5, 1.5


class Question:
    """A question, and how close edges are to it in meaning.

    Attributes:
        named: The entities that it names, the longest names first at each place.
    """

    def __init__(self, text: str, graph: SearchableGraph) -> None:
        """Take it in.

        Raises:
            QueryError: It has no words.
        """
        self.text = text
        self.words = re.findall(r"\w+", text)
        if not self.words:
            raise QueryError("the question is empty; ask with a few words")
        self._graph = graph
        self.vector = graph.embed([text])[0]
        self.named = tuple(dict.fromkeys(graph.named(text)))

    def vectors(self, triples: Sequence[Triple]) -> Vectors:
        """Triples in words, as vectors. *Shape:* (n_triples, width)."""
        if not triples:
            return np.zeros((0, len(self.vector)), dtype=np.float32)
        return self._graph.embed([f"{t.head} {t.type} {t.tail}" for t in triples])

    def closest(self, triples: Sequence[Triple]) -> list[Triple]:
        """The same triples, the closest first."""
        closeness = self.vectors(triples) @ self.vector
        return [triples[i] for i in np.argsort(-closeness, kind="stable")]


@dataclass(frozen=True, slots=True)
class Findings:
    """Which passages a question finds, in each of the three ways, with scores in [0, 1]."""

    meaning: Mapping[Place, float]
    words: Mapping[Place, float]
    graph: Mapping[Place, float] = field(default_factory=dict)

    def fused(self) -> dict[Place, float]:
        """All passages with the weighted means of their scores, the best first.

        Only the closest passages have a cosine; any other is taken to be as close as the last.
        """
        least = min(self.meaning.values(), default=0.0)
        weight = _MEANING + _WORDS + _GRAPH
        scores = {
            place: (
                _MEANING * self.meaning.get(place, least)
                + _WORDS * self.words.get(place, 0.0)
                + _GRAPH * self.graph.get(place, 0.0)
            )
            / weight
            for place in {*self.meaning, *self.words, *self.graph}
        }
        return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))


def find(graph: SearchableGraph, question: Question) -> Findings:
    """Find passages in all three ways."""
    like = graph.passages_like(question.vector, _FOUND)
    meaning = {place: max(cosine, 0.0) for place, cosine in like.items()}
    words = _shares(graph.passages_with(question.words, _FOUND))
    return Findings(meaning, words, _by_graph(graph, question))


def _shares(scores: Mapping[Place, float]) -> dict[Place, float]:
    best = max(scores.values(), default=1.0)
    return {place: score / best for place, score in scores.items()}


def _by_graph(graph: SearchableGraph, question: Question) -> dict[Place, float]:
    """Per passage, the best of the edges that it says."""
    found: dict[Place, float] = {}
    for triple, score in _ways(graph, question):
        for evidence in triple.evidence:
            place = (evidence.document_id, evidence.chunk_index)
            found[place] = max(score, found.get(place, 0.0))
    return found


def _ways(graph: SearchableGraph, question: Question) -> Iterator[tuple[Triple, float]]:
    """The edges at what the question names, and those one step further, with their scores."""
    start = {entity.id for entity in question.named}
    near = graph.neighbours(start, limit=_NEAR).triples
    vectors = question.vectors(near)
    closeness = vectors @ question.vector
    yield from zip(near, _fits([t.score for t in near], closeness), strict=True)

    leads: dict[str, int] = {}  # where the closest edges lead, and the closest that leads there
    for i in np.argsort(-closeness, kind="stable")[:_FOLLOWED].tolist():
        for end in {*ends(near[i])} - start:
            leads.setdefault(end, i)
    known = set(near)
    far = [
        (triple, leads[end])
        for triple in graph.neighbours(sorted(leads), limit=_FAR).triples
        if triple not in known
        for end in ends(triple)
        if end in leads
    ]
    triples, firsts = [triple for triple, _ in far], [i for _, i in far]
    both = question.vectors(triples) + vectors[firsts]
    closeness = both @ question.vector / np.linalg.norm(both, axis=1)
    scores = [triple.score * near[i].score for triple, i in far]
    yield from zip(triples, _fits(scores, closeness), strict=True)


def _fits(scores: Sequence[float], closeness: Vectors) -> list[float]:
    values: list[float] = (np.array(scores) * (2 * closeness - 1).clip(0, 1)).tolist()
    return values


def ends(triple: Triple) -> list[str]:
    """The ids of the entities at both ends of an edge, or at one that leads to a value."""
    return [end.id for end in (triple.head, triple.tail) if isinstance(end, Entity)]
