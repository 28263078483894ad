"""Other people's tools on a graph of ours in Neo4j, as their own documentation uses them."""

import io
import zipfile

import pytest
from reading import Letters, exported, ingested
from servers import LocalServer, Neo4j, Unavailable

pytestmark = pytest.mark.slow

TEXTS = {
    "a.txt": "Ada Lovelace works for Acme Corp. Globex founded on 1 May 1843.",
    "b.txt": 'Indeed, "Ada Lovelace" said: Ada Lovelace works for\nAcme Corp.',
}


@pytest.fixture
def pushed(tmp_path, neo4j):
    with ingested(tmp_path, TEXTS) as kg:
        kg.push(neo4j.url)
    return neo4j


def vector(text):
    return Letters().embed([text])[0].tolist()


def test_the_vector_retriever_of_neo4j_graphrag(pushed):
    from neo4j_graphrag.retrievers import VectorRetriever

    retriever = VectorRetriever(pushed.driver, "vector", return_properties=["text", "document"])
    [item] = retriever.search(query_vector=vector(TEXTS["a.txt"]), top_k=1).items
    assert "'document': 'a.txt'" in item.content
    assert item.metadata["score"] == pytest.approx(1, abs=1e-3)  # of vectors kept in 8 bits


def test_the_vector_cypher_retriever_of_neo4j_graphrag(pushed):
    from neo4j_graphrag.retrievers import VectorCypherRetriever

    retriever = VectorCypherRetriever(
        pushed.driver,
        "vector",
        """MATCH (node)<-[:FROM_CHUNK]-(person:Person)-[fact:WORKS_FOR]->(company)
        RETURN person.name + ' works for ' + company.name AS said, fact.quotes AS quotes""",
    )
    [item] = retriever.search(query_vector=vector(TEXTS["a.txt"]), top_k=1).items
    assert "Ada Lovelace works for Acme Corp" in item.content


def test_the_hybrid_retriever_of_neo4j_graphrag(pushed):
    from neo4j_graphrag.retrievers import HybridRetriever

    retriever = HybridRetriever(pushed.driver, "vector", "keyword", return_properties=["document"])
    result = retriever.search("Globex", query_vector=vector(TEXTS["a.txt"]), top_k=1)
    assert "a.txt" in result.items[0].content


@pytest.fixture
def langchain(pushed):
    pytest.importorskip("langchain_neo4j")
    user, password = pushed.auth
    return {"url": pushed.url, "username": user, "password": password}


def test_the_vector_store_of_langchain(langchain):
    from langchain_core.embeddings import Embeddings
    from langchain_neo4j import Neo4jVector

    class ByLetters(Embeddings):
        def embed_documents(self, texts):
            return [vector(text) for text in texts]

        def embed_query(self, text):
            return vector(text)

    store = Neo4jVector.from_existing_index(ByLetters(), index_name="vector", **langchain)
    [(found, score)] = store.similarity_search_with_score(TEXTS["b.txt"], k=1)
    assert found.page_content == TEXTS["b.txt"]
    assert found.metadata["document"] == "b.txt"
    assert score == pytest.approx(1, abs=1e-3)
    hybrid = Neo4jVector.from_existing_index(
        ByLetters(),
        index_name="vector",
        keyword_index_name="keyword",
        search_type="hybrid",
        **langchain,
    )
    assert hybrid.similarity_search("Globex", k=1)[0].metadata["document"] == "a.txt"


def test_the_graph_of_langchain(langchain):
    from langchain_neo4j import Neo4jGraph

    graph = Neo4jGraph(refresh_schema=False, **langchain)  # the schema needs APOC
    assert graph.query("MATCH (p:Person)-[r:WORKS_FOR]->(c) RETURN p.name, c.name, r.count") == [
        {"p.name": "Ada Lovelace", "c.name": "Acme Corp", "r.count": 2}
    ]
    graph.close()


def test_the_importer_of_neo4j_makes_the_same_graph(tmp_path, neo4j, monkeypatch):
    try:
        server = LocalServer(tmp_path / "neo4j")
    except Unavailable as reason:
        pytest.skip(str(reason))
    with ingested(tmp_path, TEXTS) as kg:
        kg.push(neo4j.url)
        archive = zipfile.ZipFile(io.BytesIO(exported(kg, "neo4j-csv")))
        archive.extractall(tmp_path / "csv")
        done = server.admin(
            *("database", "import", "full", "neo4j", "--overwrite-destination"),
            f"--nodes={tmp_path / 'csv/nodes.csv'}",
            f"--relationships={tmp_path / 'csv/relationships.csv'}",
            *("--id-type=string", "--array-delimiter=U+001F", "--multiline-fields=true"),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        server.start()
        monkeypatch.setenv("NEO4J_PASSWORD", server.password)
        monkeypatch.delenv("NEO4J_DATABASE", raising=False)
        with Neo4j(server.url) as imported:
            written = kg.push(server.url)
            assert (written.missing, written.extra) == (0, 0)  # but vectors
            assert kg.diff(server.url).examples == []
            assert imported.contents() == neo4j.contents()
        server.stop()
