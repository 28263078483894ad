"""A graph in Neo4j is searched as the embedded one is."""

import asyncio
from contextlib import closing

import pytest
from reading import Letters, ingested

from kgbuild.connectors.langchain import KnowledgeGraphRetriever
from kgbuild.connectors.neo4j import Neo4jStore
from kgbuild.retrieval import StoredPassages

pytestmark = pytest.mark.slow

TEXTS = {
    "a.txt": "Ada Lovelace works for Acme Corp. She likes the sea.",
    "b.txt": "Charles Babbage founded Acme Corp in a shed.",
    "c.txt": "Grace Hopper works for Globex. It rains there.",
}
QUESTION = "Who founded Acme Corp?"


@pytest.fixture
def both(tmp_path, neo4j):
    """The embedded graph, and the passages of its copy in Neo4j."""
    with ingested(tmp_path, TEXTS) as kg, closing(Neo4jStore(neo4j.url)) as store:
        kg.push(neo4j.url)
        yield kg, StoredPassages(store.reader, Letters())


def test_it_finds_the_same(both):
    here, there = (graph.search(QUESTION, k=3) for graph in both)
    assert [chunk for chunk, _ in there.chunks] == [chunk for chunk, _ in here.chunks]
    assert there.entities == here.entities
    assert there.triples == here.triples
    assert [p.triples for p in there.passages] == [p.triples for p in here.passages]
    assert [p.metadata for p in there.passages] == [p.metadata for p in here.passages]


def test_a_retriever_of_langchain_searches_it(both):
    _, there = both
    retriever = KnowledgeGraphRetriever(graph=there, k=2)
    [first, _] = retriever.invoke(QUESTION)
    assert first.page_content == TEXTS["b.txt"]
    assert first.metadata["source"].endswith("b.txt")
    assert first.metadata["triples"][0]["evidence"][0]["quote"] == TEXTS["b.txt"]
    assert asyncio.run(retriever.ainvoke(QUESTION)) == [first, _]
