import re
from collections.abc import Iterable, Iterator, Sequence
from zlib import crc32

import numpy as np
import pytest

from kgbuild import Document, Extraction, Mention, Ontology, QueryError, Relation
from kgbuild.chunking import chunk
from kgbuild.connectors.embedded import EmbeddedGraph
from kgbuild.extraction import Extracted
from kgbuild.ledger import Ledger, assemble, names
from kgbuild.resolution import resolve
from kgbuild.retrieval import EmbeddedPassages, StoredPassages, search

ONTOLOGY = Ontology.parse(
    "name: rivers\n"
    "entities: [person, company]\n"
    "relations: [[person, founded, company], [company, bought, company]]\n"
)
PEOPLE, COMPANIES = {"Mira Holt", "Juno Vance"}, {"Weirworks", "Lockgate", "Sluice and Sons"}
TEXTS = {
    "first": "Mira Holt founded Weirworks in a shed by the canal.",
    "second": "Weirworks bought Lockgate. The price was not told.",
    "third": "Juno Vance founded Lockgate.",
    "fourth": "The canal froze in January, and skaters came from three valleys.",
    "fifth": "Sluice and Sons paints boats.",
}


class Words:
    """Embeddings that know only whether texts have words in common."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.full((len(texts), 256), 1e-6, dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                vector[crc32(word.encode()) % 256] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> Iterator[EmbeddedPassages]:
    with Ledger.open(tmp_path_factory.mktemp("kg")) as ledger:
        for id, text in TEXTS.items():
            ledger.record(extracted(Document(id, text)), build="test")
        found = names(ledger.database, ONTOLOGY)
        assemble(ledger.database, ONTOLOGY, resolve(found, ONTOLOGY))
        yield EmbeddedPassages(EmbeddedGraph(ledger), Words())


def extracted(document: Document) -> Extracted:
    """Every known name, and a relation wherever its word stands between two of them."""
    found = [*mentions(document, PEOPLE, "person"), *mentions(document, COMPANIES, "company")]
    found.sort(key=lambda mention: mention.start)
    relations = tuple(
        Relation(head, tail, word, 0.9, "test")
        for head, tail in zip(found, found[1:], strict=False)
        for word in re.findall("founded|bought", document.text[head.end : tail.start])
    )
    chunks = tuple(chunk(document, budget=50, count=lambda texts: [len(t.split()) for t in texts]))
    return Extracted(document, chunks, Extraction(document.id, tuple(found), relations, 1.0))


def mentions(document: Document, known: Iterable[str], type: str) -> Iterator[Mention]:
    for name in known:
        for match in re.finditer(name, document.text):
            yield Mention(document.id, *match.span(), name, type, 0.9)


def documents(result) -> list[str]:
    return [chunk.document_id for chunk, _ in result.chunks]


def edges(result) -> list[tuple[str, str, str]]:
    return [(t.head.name, t.type, t.tail.name) for t in result.triples]


def test_the_best_passage_comes_with_the_edge_it_says(graph):
    result = search(graph, "Who founded Weirworks?", k=2)
    assert documents(result)[0] == "first"
    assert edges(result)[0] == ("Mira Holt", "founded", "Weirworks")
    assert result.triples[0].evidence[0].quote == TEXTS["first"]
    assert result.entities[0].name == "Weirworks"


def test_the_graph_leads_to_passages_that_do_not_name_what_was_asked_for(graph):
    result = search(graph, "Who founded what Weirworks owns?", k=3)
    assert "third" in documents(result)
    assert "Weirworks" not in TEXTS["third"]


def test_a_question_that_names_nothing_still_finds_passages(graph):
    result = search(graph, "skaters on frozen water", k=1)
    assert documents(result) == ["fourth"]


def test_scores_fall_from_at_most_one(graph):
    result = search(graph, "Who bought Lockgate?", k=5)
    scores = [score for _, score in result.chunks]
    assert 1 >= scores[0] == max(scores)
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 0


def test_names_are_found_whatever_their_case_and_length(graph):
    result = search(graph, "what do SLUICE AND SONS paint", k=1)
    assert [entity.name for entity in result.entities] == ["Sluice and Sons"]


def test_signs_in_a_question_are_not_read_as_operators(graph):
    result = search(graph, 'Weirworks" OR NEAR(* -- ?', k=1)
    assert documents(result)


def test_a_removed_document_is_not_found(tmp_path):
    with Ledger.open(tmp_path) as ledger:
        for id in ("first", "fourth"):
            ledger.record(extracted(Document(id, TEXTS[id])), build="test")
        ledger.remove("fourth")
        result = search(EmbeddedPassages(EmbeddedGraph(ledger), Words()), "skaters canal", k=5)
        assert documents(result) == ["first"]


def test_what_comes_and_goes_between_two_searches_is_noticed(tmp_path):
    with Ledger.open(tmp_path) as ledger:
        passages = EmbeddedPassages(EmbeddedGraph(ledger), Words())

        def found() -> list[str]:
            return sorted(documents(search(passages, "canal", k=5)))

        ledger.record(extracted(Document("fourth", TEXTS["fourth"])), build="test")
        assert found() == ["fourth"]
        ledger.record(extracted(Document("fifth", TEXTS["fifth"])), build="test")
        assert found() == ["fifth", "fourth"]
        ledger.remove("fifth")
        assert found() == ["fourth"]
        assemble(ledger.database, ONTOLOGY, resolve(names(ledger.database, ONTOLOGY), ONTOLOGY))
        ledger.record(extracted(Document("other", TEXTS["fifth"])), build="test")
        assert found() == ["fourth", "other"]


def test_an_empty_graph_has_nothing_to_say(tmp_path):
    with Ledger.open(tmp_path) as ledger:
        result = search(EmbeddedPassages(EmbeddedGraph(ledger), Words()), "anything", k=5)
    assert (result.chunks, result.entities, result.triples) == ((), (), ())


@pytest.mark.parametrize("question", ["", "  ", "?!"])
def test_a_question_without_words_is_refused(graph, question):
    with pytest.raises(QueryError, match="the question is empty"):
        search(graph, question, k=5)


def test_k_must_be_positive(graph):
    with pytest.raises(QueryError, match="k is 0"):
        search(graph, "Weirworks", k=0)


class Indexes:
    """The embedded graph, asked as a store with indexes is asked."""

    def __init__(self, graph):
        self._graph = graph

    def chunks_near(self, vector, k):
        found = self._graph.passages_like(np.array(vector, dtype=np.float32), k)
        return [(self._chunk(place), (1 + cosine) / 2) for place, cosine in found.items()]

    def chunks_with_words(self, question, k):
        found = self._graph.passages_with(question.split(), k)
        return [(self._chunk(place), score) for place, score in found.items()]

    def entities_named(self, question, k):
        return [(entity, 1.0) for entity in self._graph.graph.entities()]

    def chunks(self, places):
        return [chunk for chunk, _ in self._graph.passages(places).values()]

    def metadata(self, documents):
        known = dict(self._graph.graph.sources())
        return {id: known[id] for id in documents}

    def entities(self, chunks):
        places = [(chunk.document_id, chunk.index) for chunk in chunks]
        return [entity for found in self._graph.mentioned(places).values() for entity in found]

    def neighbours(self, entity_ids, hops=1, limit=1_000):
        return self._graph.graph.neighbours(entity_ids, hops, limit)

    def _chunk(self, place):
        return self.chunks([place])[0]


@pytest.mark.parametrize("question", ["Who founded Weirworks?", "skaters", "SLUICE and Sons"])
def test_a_store_with_indexes_is_searched_in_the_same_way(graph, question):
    here = search(graph, question, k=3)
    there = StoredPassages(Indexes(graph), Words()).search(question, k=3)
    assert documents(there) == documents(here)
    assert [score for _, score in there.chunks] == pytest.approx([s for _, s in here.chunks])
    assert (there.entities, there.triples) == (here.entities, here.triples)
    assert [p.entities for p in there.passages] == [p.entities for p in here.passages]
    assert [p.metadata for p in there.passages] == [p.metadata for p in here.passages]
