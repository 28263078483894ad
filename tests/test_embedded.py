"""The graph in the ledger: what is found, by which names, in which order."""

import pytest
from reading import ONTOLOGY, ingested, read

from kgbuild import Document, Entity, Literal, OntologyError, StoreError
from kgbuild.connectors.embedded import EmbeddedGraph
from kgbuild.ledger import Ledger, assemble
from kgbuild.resolution import Cluster, Name, Resolution

CHAIN = {
    "a.txt": "Ada Lovelace works for Acme Corp. Charles Babbage works for Acme Corp.",
    "b.txt": "Charles Babbage founded Globex. Globex founded on 1 May 1843.",
    "c.txt": "Mary Shelley works for Globex.",
}


@pytest.fixture
def graph(tmp_path):
    with ingested(tmp_path, CHAIN) as kg:
        yield kg._graph


def edges(triples):
    return [
        (t.head.name, t.type, t.tail.name if isinstance(t.tail, Entity) else t.tail)
        for t in triples
    ]


def test_entities_come_in_order_of_id(graph):
    ids = [entity.id for entity in graph.entities()]
    assert ids == sorted(ids)
    assert ids[0] == "company/Acme_Corp"


def test_entities_are_found_by_name_id_and_type(graph):
    [globex] = graph.entities("gLOBEX")
    assert list(graph.entities("company/Globex")) == [globex]
    assert [e.name for e in graph.entities(type="organization")] == ["Acme Corp", "Globex"]
    assert list(graph.entities("Globex", type="person")) == []
    with pytest.raises(OntologyError, match="robot"):
        list(graph.entities(type="robot"))


def test_line_breaks_and_double_spaces_do_not_matter_in_names(graph):
    assert [entity.name for entity in graph.entities("Charles\n  Babbage")] == ["Charles Babbage"]


def test_triples_are_found_by_any_of_their_parts(graph):
    assert edges(graph.triples(head="charles babbage")) == [
        ("Charles Babbage", "founded", "Globex"),
        ("Charles Babbage", "works for", "Acme Corp"),
    ]
    assert edges(graph.triples(tail="Globex", type="works for")) == [
        ("Mary Shelley", "works for", "Globex")
    ]
    founded = ("Globex", "founded on", Literal("1843-05-01", "date"))
    assert edges(graph.triples(type="founded on")) == [founded]
    assert edges(graph.triples(tail="1843-05-01")) == [founded]
    assert edges(graph.triples(head="nobody")) == []


def test_neighbours_are_as_far_as_asked(graph):
    def reached(hops, limit=1_000):
        found = graph.neighbours(["person/Ada_Lovelace", "no such id"], hops, limit)
        return [entity.name for entity in found.entities], len(found.triples)

    assert reached(0) == (["Ada Lovelace"], 0)
    assert reached(1) == (["Acme Corp", "Ada Lovelace"], 1)
    assert reached(2) == (["Acme Corp", "Ada Lovelace", "Charles Babbage"], 2)
    assert reached(9) == (
        ["Acme Corp", "Globex", "Ada Lovelace", "Charles Babbage", "Mary Shelley"],
        5,
    )
    assert reached(9, limit=2)[1] == 2


def test_aliases_find_their_entity_and_all_of_its_evidence(tmp_path):
    texts = {"a.txt": "Ada Lovelace works for Globex.", "b.txt": "Ada Byron works for Globex."}
    ada = (Name("a.txt", "person", "Ada Lovelace"), Name("b.txt", "person", "Ada Byron"))
    globex = tuple(Name(id, "company", "Globex") for id in texts)
    with graph_of(tmp_path, texts, cluster(ada), cluster(globex)) as graph:
        [triple] = graph.triples(head="ADA BYRON")
        assert triple.head.name == "Ada Lovelace"
        assert triple.head.aliases == ("Ada Byron",)
        assert [evidence.document_id for evidence in triple.evidence] == ["a.txt", "b.txt"]


def test_namesakes_stay_two(tmp_path):
    texts = {"a.txt": "Ada Lovelace works for Globex.", "b.txt": "Ada Lovelace works for Initech."}
    clusters = [cluster([Name(id, "person", "Ada Lovelace")]) for id in texts]
    clusters += [cluster([Name("a.txt", "company", "Globex")])]
    clusters += [cluster([Name("b.txt", "company", "Initech")])]
    with graph_of(tmp_path, texts, *reversed(clusters)) as graph:
        assert [entity.id for entity in graph.entities("ada lovelace")] == [
            "person/Ada_Lovelace",
            "person/Ada_Lovelace~2",
        ]
        assert edges(graph.triples(head="person/Ada_Lovelace~2")) == [
            ("Ada Lovelace", "works for", "Initech")
        ]


def test_a_symmetric_relation_is_one_triple_with_its_ends_where_they_belong(tmp_path):
    text = "Percy Shelley married to Mary Shelley married to Percy Shelley."
    both = [cluster([Name("a.txt", "person", name)]) for name in ("Mary Shelley", "Percy Shelley")]
    with graph_of(tmp_path, {"a.txt": text}, *both) as graph:
        [triple] = graph.triples()
        assert (triple.head.name, triple.tail.name) == ("Mary Shelley", "Percy Shelley")
        assert len(triple.evidence) == 2
        for evidence in triple.evidence:
            assert text[slice(*evidence.head)] == "Mary Shelley"
            assert text[slice(*evidence.tail)] == "Percy Shelley"


@pytest.mark.parametrize("name", ["O'Hara; DROP TABLE triples --", '"quoted" \\ %s {0} ?', "[]"])
def test_odd_names_are_only_names(graph, name):
    assert list(graph.entities(name)) == []
    assert list(graph.triples(name, name, name)) == []
    assert list(graph.neighbours([name]).triples) == []
    assert isinstance(graph.similar_names(name), list)
    assert len(list(graph.triples())) == 5


def test_an_empty_ledger_has_no_graph(tmp_path):
    with Ledger.open(tmp_path) as ledger:
        graph = EmbeddedGraph(ledger)
        assert list(graph.triples()) == []
        with pytest.raises(StoreError, match="nothing is built yet"):
            _ = graph.ontology


def cluster(names):
    aliases = {name.text for name in names} - {names[0].text}
    types = tuple(name.type for name in names)
    return Cluster(tuple(names), names[0].text, names[0].type, tuple(aliases), types)


class graph_of:
    """The graph of these texts with these clusters, whatever resolution might think."""

    def __init__(self, folder, texts, *clusters):
        self._ledger = Ledger.open(folder)
        for id, text in texts.items():
            self._ledger.record(read(Document(id, text)), "b1")
        assemble(self._ledger.database, ONTOLOGY, Resolution(clusters, (), ()))

    def __enter__(self):
        return EmbeddedGraph(self._ledger)

    def __exit__(self, *_):
        self._ledger.close()
