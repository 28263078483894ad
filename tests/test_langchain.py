"""The LangChain connector, by LangChain's own suite and on texts that a person can check."""

import asyncio
import importlib.util
import json
import sys
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnablePassthrough
from langchain_core.tools import create_retriever_tool
from langchain_tests.integration_tests import RetrieversIntegrationTests
from reading import ONTOLOGY, Letters, Reader, open_graph, write

from kgbuild import DocumentError, OntologyError, QueryError
from kgbuild.connectors.langchain import GraphAnnotator, GraphExtractor, KnowledgeGraphRetriever

TEXTS = {
    "a.txt": "Ada Lovelace works for Acme Corp. She likes the sea.",
    "b.txt": "Charles Babbage founded Acme Corp in a shed.",
    "c.txt": "Grace Hopper works for Globex. It rains there.",
    "d.txt": "The weather was fine.",
}


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    folder = tmp_path_factory.mktemp("langchain")
    with open_graph(folder / "kg") as kg:
        kg.ingest([write(folder / "docs", TEXTS)])
        yield kg


@pytest.fixture
def retriever(graph):
    return KnowledgeGraphRetriever(graph=graph, k=2)


class TestStandard(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _of_the_graph(self, graph):
        self.graph = graph

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return KnowledgeGraphRetriever

    @property
    def retriever_constructor_params(self):
        return {"graph": self.graph}

    @property
    def retriever_query_example(self):
        return "Who founded Acme Corp?"


def test_a_document_is_a_passage_with_its_place_and_what_it_mentions(retriever):
    [first, _] = retriever.invoke("Who founded Acme Corp?")
    assert first.page_content == TEXTS["b.txt"]
    assert first.id == "b.txt#0-44"
    place = {name: first.metadata[name] for name in ("document", "start", "end")}
    assert place == {"document": "b.txt", "start": 0, "end": 44}
    assert first.metadata["source"].endswith("b.txt")
    assert 0 < first.metadata["score"] <= 1
    assert {"id": "company/Acme_Corp", "name": "Acme Corp", "type": "company"} in (
        first.metadata["entities"]
    )


def test_triples_have_the_sentence_that_says_them(retriever):
    [first, _] = retriever.invoke("Who founded Acme Corp?")
    founded = first.metadata["triples"][0]
    assert (founded["head"]["name"], founded["type"]) == ("Charles Babbage", "founded")
    [evidence] = founded["evidence"]
    start, end = evidence["start"], evidence["end"]
    assert evidence["quote"] == TEXTS["b.txt"][start:end]
    assert TEXTS["b.txt"][slice(*evidence["head"])] == "Charles Babbage"
    assert 0 < evidence["score"] <= 1


def test_what_other_passages_say_of_the_same_things_comes_along(retriever):
    [first, _] = retriever.invoke("Who founded Acme Corp?")
    said = [(t["head"]["name"], t["type"], t["tail"]["name"]) for t in first.metadata["triples"]]
    assert said == [
        ("Charles Babbage", "founded", "Acme Corp"),
        ("Ada Lovelace", "works for", "Acme Corp"),
    ]


def test_metadata_is_plain_data(retriever):
    metadata = retriever.invoke("Who founded Acme Corp?")[0].metadata
    assert json.loads(json.dumps(metadata)) == metadata


def test_async_finds_the_same(retriever):
    question = "Where does Grace Hopper work?"
    assert asyncio.run(retriever.ainvoke(question)) == retriever.invoke(question)
    assert len(asyncio.run(retriever.ainvoke(question, k=3))) == 3


def test_many_questions_may_be_asked_at_once(retriever):
    questions = ["Who founded Acme Corp?", "Grace Hopper", "weather", "Ada Lovelace"] * 3
    together = retriever.batch(questions, config={"max_concurrency": 4})
    assert together == [retriever.invoke(question) for question in questions]


def test_it_fits_into_a_chain_and_is_a_tool(retriever):
    chain = RunnablePassthrough() | retriever | (lambda found: found[0].page_content)
    assert (chain | StrOutputParser()).invoke("Who founded Acme Corp?") == TEXTS["b.txt"]
    tool = create_retriever_tool(retriever, "search", "Searches.")
    assert TEXTS["b.txt"] in tool.invoke({"query": "Who founded Acme Corp?"})


def test_the_graph_is_not_shown(retriever):
    assert "graph" not in repr(retriever)
    assert "graph" not in retriever.model_dump()


def test_a_question_without_words_is_refused(retriever):
    with pytest.raises(QueryError, match="the question is empty"):
        retriever.invoke("?")


def test_k_must_be_positive(graph, retriever):
    with pytest.raises(ValueError, match="greater than 0"):
        KnowledgeGraphRetriever(graph=graph, k=0)
    with pytest.raises(QueryError, match="k is 0"):
        retriever.invoke("Ada Lovelace", k=0)


# The example


@pytest.fixture(scope="module")
def rag():
    path = Path(__file__).parents[1] / "examples" / "rag.py"
    spec = importlib.util.spec_from_file_location("rag", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_tells_a_model_passages_and_facts(rag, retriever):
    said = rag.told(retriever).invoke("Who founded Acme Corp?").to_string()
    assert f"[1] b.txt\n{TEXTS['b.txt']}" in said
    assert "Charles Babbage, founded: Acme Corp (0." in said
    assert said.endswith("Human: Who founded Acme Corp?")


def test_the_example_gives_the_model_s_answer(rag, retriever):
    model = FakeListChatModel(responses=["Charles Babbage did [1]."])
    assert rag.answers(retriever, model).invoke("Who founded it?") == "Charles Babbage did [1]."
    streamed = rag.answers(retriever, model).stream("Who founded it?")
    assert "".join(streamed) == "Charles Babbage did [1]."


# Graph documents


def extractor(**arguments) -> GraphExtractor:
    return GraphExtractor(extractor=Reader(), embedder=Letters(), **arguments)


PEOPLE = {"allowed_nodes": ["person", "company"], "allowed_relationships": ["works for", "founded"]}


def documents(*texts: str) -> list[Document]:
    return [Document(page_content=text, metadata={"n": n}) for n, text in enumerate(texts)]


def edges(found) -> list[tuple[str, str, str]]:
    return [(one.source.id, one.type, one.target.id) for one in found.relationships]


def test_a_graph_document_has_nodes_relationships_and_its_source():
    [source] = documents("Ada Lovelace works for Acme Corp. Grace Hopper rests.")
    [found] = extractor(**PEOPLE).convert_to_graph_documents([source])
    assert sorted((node.id, node.type) for node in found.nodes) == [
        ("Acme Corp", "company"),
        ("Ada Lovelace", "person"),
        ("Grace Hopper", "person"),
    ]
    assert edges(found) == [("Ada Lovelace", "works for", "Acme Corp")]
    assert found.source == source


def test_a_relationship_says_where_it_stands():
    text = "It is late. Ada Lovelace works for Acme Corp."
    [link] = extractor(**PEOPLE).process_response(*documents(text)).relationships
    [start], [end] = link.properties["starts"], link.properties["ends"]
    assert link.properties["quotes"] == [text[start:end]] == ["Ada Lovelace works for Acme Corp."]
    assert 0 < link.properties["score"] <= 1


def test_each_document_says_only_what_it_says_itself():
    one, other = extractor(**PEOPLE).convert_to_graph_documents(
        documents("Ada Lovelace works for Acme Corp.", "Ada Lovelace founded Globex.")
    )
    assert edges(one) == [("Ada Lovelace", "works for", "Acme Corp")]
    assert edges(other) == [("Ada Lovelace", "founded", "Globex")]


def test_async_extracts_the_same():
    given = documents("Ada Lovelace works for Acme Corp.")
    ours = extractor(**PEOPLE)
    assert asyncio.run(ours.aconvert_to_graph_documents(given)) == (
        ours.convert_to_graph_documents(given)
    )
    assert asyncio.run(ours.aprocess_response(given[0])) == ours.process_response(given[0])


def test_patterns_say_which_types_a_relationship_links():
    allowed = [("person", "works for", "company"), ("company", "works for", "person")]
    given = documents("Ada Lovelace works for Acme Corp.", "Ada Lovelace works for Grace Hopper.")
    one, other = extractor(
        allowed_nodes=["person", "company"], allowed_relationships=allowed
    ).convert_to_graph_documents(given)
    assert edges(one)
    assert not edges(other)


def test_an_ontology_says_more():
    text = "Acme Corp founded on 1 May 1843. Ada Lovelace works for Acme Corp."
    [found] = extractor(ontology=ONTOLOGY).convert_to_graph_documents(documents(text))
    assert ("Acme Corp", "founded on", "1843-05-01") in edges(found)
    assert ("1843-05-01", "date") in [(node.id, node.type) for node in found.nodes]


@pytest.mark.parametrize("properties", [True, ["founded on"]])
def test_values_can_be_properties(properties):
    text = "Acme Corp founded on 1 May 1843."
    [found] = extractor(ontology=ONTOLOGY, node_properties=properties).convert_to_graph_documents(
        documents(text)
    )
    assert [(node.id, node.properties) for node in found.nodes] == [
        ("Acme Corp", {"founded on": "1843-05-01"})
    ]
    assert not found.relationships


def test_relationships_have_the_properties_that_are_asked_for():
    given = documents("Ada Lovelace works for Acme Corp.")
    for asked, names in ((False, set()), (["score"], {"score"})):
        [found] = extractor(**PEOPLE, relationship_properties=asked).convert_to_graph_documents(
            given
        )
        assert found.relationships[0].properties.keys() == names


def test_names_are_read_as_words():
    ours = GraphExtractor(
        allowed_nodes=["Person", "ResearchGroup"],
        allowed_relationships=[("Person", "WORKS_FOR", "ResearchGroup")],
        node_properties=["birth_date"],
    )
    ontology = ours._reader.ontology
    assert ontology.entities["ResearchGroup"].label == "research group"
    assert ontology.relations["WORKS_FOR"].label == "works for"
    assert ontology.heads("WORKS_FOR") == {"Person"}
    assert ontology.literal("birth_date (value)") == "date"
    assert ours._values == {"birth_date"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "name what to look for in both, or give an `ontology`"),
        ({"allowed_nodes": ["person"]}, "name what to look for"),
        (PEOPLE | {"llm": object()}, "llm: no LLM reads"),
        (PEOPLE | {"prompt": "Extract!"}, "prompt: the model takes none"),
        (PEOPLE | {"strict_mode": False}, "strict_mode: nothing but what is allowed"),
        (PEOPLE | {"ontology": ONTOLOGY}, "leave out the `allowed_` lists"),
        (PEOPLE | {"node_properties": True}, "node_properties: name them, or give an `ontology`"),
        ({"ontology": ONTOLOGY, "node_properties": ["age"]}, "'age' is no relation to a value"),
        (PEOPLE | {"relationship_properties": ["since"]}, "there is no 'since', but score"),
        (PEOPLE | {"allowed_relationships": [("person", "knows")]}, "neither a name nor"),
        (PEOPLE | {"allowed_relationships": [("person", "has", "dog")]}, "dog"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_line(arguments, message):
    with pytest.raises(OntologyError, match=message) as refused:
        extractor(**arguments)
    assert "\n" not in str(refused.value)


def test_an_argument_that_nobody_knows_is_a_type_error():
    with pytest.raises(TypeError, match="no argument 'allowed_node'"):
        GraphExtractor(allowed_node=["person"])


def test_a_document_that_cannot_be_read_is_an_error():
    with pytest.raises(DocumentError, match="document 1, counted from 0: the model gave up"):
        extractor(**PEOPLE).convert_to_graph_documents(documents("Fine.", "BROKEN"))


def test_graph_documents_are_those_of_the_installed_package():
    [found] = extractor(**PEOPLE).convert_to_graph_documents(documents("Ada Lovelace rests."))
    assert type(found).__module__ == "langchain_neo4j.graphs.graph_document"


def test_without_such_a_package_they_look_the_same(monkeypatch):
    from kgbuild.connectors.langchain import graph_documents

    given = documents("Ada Lovelace works for Acme Corp.")
    [theirs] = extractor(**PEOPLE).convert_to_graph_documents(given)
    monkeypatch.setattr(graph_documents, "_PACKAGES", ())
    [ours] = extractor(**PEOPLE).convert_to_graph_documents(given)
    assert type(ours).__module__ == graph_documents.__name__
    assert ours.model_dump() == theirs.model_dump()


# Documents with notes


def test_mentions_and_triples_come_into_the_metadata():
    [before] = documents("It is late. Ada Lovelace works for Acme Corp.")
    [after] = annotator().transform_documents([before])
    assert after.page_content == before.page_content
    assert after.metadata["n"] == 0
    assert before.metadata == {"n": 0}
    assert [(m["text"], m["type"]) for m in after.metadata["mentions"]] == [
        ("Ada Lovelace", "person"),
        ("Acme Corp", "company"),
    ]
    for mention in after.metadata["mentions"]:
        assert after.page_content[mention["start"] : mention["end"]] == mention["text"]
    [triple] = after.metadata["triples"]
    assert (triple["head"]["name"], triple["tail"]["name"]) == ("Ada Lovelace", "Acme Corp")
    [evidence] = triple["evidence"]
    assert after.page_content[evidence["start"] : evidence["end"]] == evidence["quote"]
    assert json.dumps(after.metadata)


def test_async_notes_the_same():
    given = documents("Ada Lovelace works for Acme Corp.", "", "Nothing.")
    assert asyncio.run(annotator().atransform_documents(given)) == (
        annotator().transform_documents(given)
    )


def annotator() -> GraphAnnotator:
    return GraphAnnotator(ONTOLOGY, extractor=Reader(), embedder=Letters())


# Installing


def test_without_langchain_one_line_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("kgbuild.connectors.langchain")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "langchain_core", None)
    with pytest.raises(ImportError, match=r"pip install 'kgbuild\[langchain\]'"):
        __import__("kgbuild.connectors.langchain")
