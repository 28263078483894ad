"""A graph in a real Neo4j server, from the first write to the last."""

import json
import threading

import pytest
import yaml
from reading import Letters, ingested, open_graph, write
from servers import free_port

from kgbuild import Chunk, Extraction, Mention, Ontology, Relation, StoreError
from kgbuild.connectors.neo4j import Neo4jStore
from kgbuild.connectors.neo4j.layout import label, relationship_type
from kgbuild.connectors.store import open_store
from kgbuild.extraction import Extracted

pytestmark = pytest.mark.slow

TEXTS = {
    "a.txt": "Ada Lovelace works for Acme Corp. Globex founded on 1 May 1843.",
    "b.txt": "Indeed, Ada Lovelace works for Acme Corp. Bob Smith married to Ada Lovelace.",
}
NOTHING = {"missing": 0, "changed": 0, "extra": 0, "examples": []}


@pytest.fixture
def kg(tmp_path):
    with ingested(tmp_path, TEXTS) as kg:
        yield kg


@pytest.fixture
def reader(kg, neo4j):
    kg.push(neo4j.url)
    store = Neo4jStore(neo4j.url)
    yield store.reader
    store.close()


# What is where


def test_entities_have_the_labels_of_their_type_and_those_above(kg, neo4j):
    kg.push(neo4j.url)
    assert neo4j.rows("MATCH (e:__Entity__:Company) RETURN e.name ORDER BY e.name") == [
        ["Acme Corp"],
        ["Globex"],
    ]
    assert neo4j.value("MATCH (o:Organization) RETURN count(o)") == 2
    [[person]] = neo4j.rows("MATCH (p:Person {id: 'person/Ada_Lovelace'}) RETURN properties(p)")
    assert (person["type"], person["mentions"]) == ("person", 3)


def test_a_relationship_has_its_score_and_all_of_its_evidence(kg, neo4j):
    kg.push(neo4j.url)
    [[fact]] = neo4j.rows("MATCH (:Person)-[r:WORKS_FOR]->(:Company) RETURN properties(r)")
    [triple] = kg.triples("Ada Lovelace", "works for")
    assert (fact["type"], fact["score"], fact["count"]) == ("works for", triple.score, 2)
    assert fact["documents"] == ["a.txt", "b.txt"]
    assert fact["quotes"] == [evidence.quote for evidence in triple.evidence]
    for number, document in enumerate(fact["documents"]):
        start, end, *ends = fact["spans"][6 * number : 6 * number + 6]
        assert TEXTS[document][start:end] == fact["quotes"][number]
        assert TEXTS[document][slice(*ends[:2])] == "Ada Lovelace"
        assert TEXTS[document][slice(*ends[2:])] == "Acme Corp"


def test_a_value_is_a_node_with_its_datatype(kg, neo4j):
    kg.push(neo4j.url)
    value = (
        "MATCH (:Company {name: 'Globex'})-[:FOUNDED_ON]->(v:__Value__) RETURN v.name, v.datatype"
    )
    assert neo4j.rows(value) == [["1843-05-01", "date"]]


def test_chunks_lead_to_documents_and_entities_to_chunks(kg, neo4j):
    kg.push(neo4j.url)
    path = """MATCH (e:Person)-[m:FROM_CHUNK]->(c:Chunk)-[:FROM_DOCUMENT]->(d:Document)
        RETURN e.name, m.count, c.text, d.id ORDER BY d.id, e.name"""
    assert neo4j.rows(path) == [
        ["Ada Lovelace", 1, TEXTS["a.txt"], "a.txt"],
        ["Ada Lovelace", 2, TEXTS["b.txt"], "b.txt"],
        ["Bob Smith", 1, TEXTS["b.txt"], "b.txt"],
    ]


class InThree:
    """Cuts each text into three chunks."""

    fingerprint = "in three"

    def extract(self, documents):
        for document in documents:
            cuts = [0, 5, 10, len(document.text)]
            chunks = tuple(
                Chunk(document.id, number, start, end, document.text[start:end])
                for number, (start, end) in enumerate(zip(cuts, cuts[1:], strict=False))
            )
            yield Extracted(document, chunks, Extraction(document.id, (), (), 1.0))


def test_chunks_of_a_document_follow_each_other(tmp_path, neo4j):
    with open_graph(tmp_path / "kg", extractor=InThree()) as kg:
        kg.ingest([write(tmp_path / "docs", TEXTS)])
        kg.push(neo4j.url)
    assert neo4j.rows("MATCH (a:Chunk)-[:NEXT_CHUNK]->(b) RETURN a.id, b.id ORDER BY a.id") == [
        ["a.txt#0", "a.txt#1"],
        ["a.txt#1", "a.txt#2"],
        ["b.txt#0", "b.txt#1"],
        ["b.txt#1", "b.txt#2"],
    ]


def test_names_of_the_lexical_graph_can_be_those_of_other_tools(kg, neo4j):
    kg.push(f"{neo4j.url}?layout=langchain")
    query = "MATCH (d:Document)-[:MENTIONS]->(e:__Entity__) RETURN count(*)"
    assert neo4j.value(query) == 6
    assert kg.diff(f"{neo4j.url}?layout=langchain").to_json() == NOTHING


def test_another_layout_takes_the_place_of_the_one_before(kg, neo4j):
    kg.push(neo4j.url)
    neo4j.rows("DROP INDEX vector")
    neo4j.rows("DROP INDEX keyword")
    kg.push(f"{neo4j.url}?layout=langchain")
    assert neo4j.value("MATCH (n:Chunk) RETURN count(n)") == 0
    assert neo4j.value("MATCH ()-[r:FROM_CHUNK]->() RETURN count(r)") == 0


def test_vectors_and_words_are_indexed(kg, neo4j):
    kg.push(neo4j.url)
    indexes = (
        "SHOW INDEXES YIELD name, type, labelsOrTypes, state WHERE type IN ['VECTOR','FULLTEXT']"
    )
    assert sorted(neo4j.rows(f"{indexes} RETURN name, labelsOrTypes[0], state")) == [
        ["entity_keyword", "__Entity__", "ONLINE"],
        ["entity_vector", "__Entity__", "ONLINE"],
        ["keyword", "Chunk", "ONLINE"],
        ["vector", "Chunk", "ONLINE"],
    ]


def test_a_graph_can_be_without_vectors(kg, neo4j):
    url = f"{neo4j.url}?vectors=no"
    kg.push(url)
    assert neo4j.value("MATCH (n) WHERE n.embedding IS NOT NULL RETURN count(n)") == 0
    assert neo4j.rows("SHOW INDEXES YIELD name, type WHERE type = 'VECTOR' RETURN name") == []
    assert kg.diff(url).to_json() == NOTHING
    kg.push(neo4j.url)
    assert kg.diff(neo4j.url).to_json() == NOTHING


# The life of a graph


def test_pushing_twice_changes_nothing(kg, neo4j):
    assert kg.push(neo4j.url)
    before = neo4j.contents()
    assert kg.push(neo4j.url).to_json() == NOTHING
    assert kg.diff(neo4j.url).to_json() == NOTHING
    assert neo4j.contents() == before


def test_ingest_keeps_a_store_in_step(tmp_path, neo4j):
    docs = write(tmp_path / "docs", TEXTS)
    with open_graph(tmp_path / "kg", store=neo4j.url) as kg:
        kg.ingest([docs])
        assert kg.diff(neo4j.url).to_json() == NOTHING
        (docs / "a.txt").write_text("Bob Smith works for Globex.")
        (docs / "b.txt").unlink()
        kg.ingest([docs])
        assert kg.diff(neo4j.url).to_json() == NOTHING
    assert neo4j.rows("MATCH (e:__Entity__) RETURN e.name ORDER BY e.name") == [
        ["Bob Smith"],
        ["Globex"],
    ]
    assert neo4j.rows("MATCH ()-[r]->() WHERE r.type IS NOT NULL RETURN r.quotes") == [
        [["Bob Smith works for Globex."]]
    ]


def test_a_removed_document_takes_only_its_own_evidence_back(kg, neo4j):
    kg.push(neo4j.url)
    kg.remove("a.txt")
    kg.push(neo4j.url)
    assert neo4j.rows("MATCH ()-[r:WORKS_FOR]->() RETURN r.documents, r.count") == [[["b.txt"], 1]]
    assert neo4j.value("MATCH (n {name: 'Globex'}) RETURN count(n)") == 0
    assert neo4j.value("MATCH (v:__Value__) RETURN count(v)") == 0


def test_what_comes_back_is_as_it_was(kg, neo4j, tmp_path):
    kg.push(neo4j.url)
    before = neo4j.contents()
    kg.remove("a.txt")
    kg.push(neo4j.url)
    kg.ingest([tmp_path / "docs"])
    kg.push(neo4j.url)
    assert neo4j.contents() == before


def test_diff_reads_everything_and_changes_nothing(kg, neo4j):
    kg.push(neo4j.url)
    neo4j.rows("MATCH (p:Person {name: 'Bob Smith'}) SET p.name = 'Rob Smith'")
    neo4j.rows("MATCH ()-[r:WORKS_FOR]->() SET r.quotes = ['No.']")
    neo4j.rows("MATCH (c:Chunk {id: 'a.txt#0'})<-[r:FROM_CHUNK]-(:Person) DELETE r")
    before = neo4j.contents()
    difference = kg.diff(neo4j.url)
    assert sorted(difference.examples) == [
        "changed: entity person/Bob_Smith",
        "changed: relationship Ada Lovelace works for Acme Corp",
        "missing: relationship of entity person/Ada_Lovelace with chunk a.txt#0",
    ]
    assert neo4j.contents() == before


@pytest.mark.parametrize(
    "change",
    [
        "MATCH (p:Person {name: 'Ada Lovelace'}) DETACH DELETE p",
        "MATCH (:Chunk)-[r:FROM_DOCUMENT]->() DELETE r",
        "MATCH (v:__Value__) DETACH DELETE v",
        "MATCH (a)-[r:WORKS_FOR]->(b) CREATE (a)-[twin:WORKS_FOR]->(b) SET twin = properties(r)",
        "MATCH (n:__kgbuild__) DETACH DELETE n",
        "MATCH (n) DETACH DELETE n",
    ],
)
def test_a_push_puts_back_what_somebody_deleted_or_doubled(kg, neo4j, change):
    kg.push(neo4j.url)
    before = neo4j.contents()
    neo4j.rows(change)
    kg.push(neo4j.url)
    assert neo4j.contents() == before
    assert kg.push(neo4j.url).to_json() == NOTHING


@pytest.mark.parametrize(
    "change",
    [
        "MATCH (p:Person {name: 'Bob Smith'}) SET p.name = 'Rob', p.mentions = 9",
        "MATCH (p:Person {name: 'Bob Smith'}) REMOVE p:Person, p:__Entity__",
        "MATCH (c:Chunk) REMOVE c.text, c.kgbuildLabels",
        "MATCH (n:__kgbuild__) SET n.kgbuildDigest = 'other'",
        "MATCH ()-[r:WORKS_FOR]->() SET r.quotes = ['No.'], r.score = 1",
        "MATCH ()-[r:WORKS_FOR]->() REMOVE r.type, r.kgbuildDigest",
        "MATCH ()-[r:WORKS_FOR]->() REMOVE r.spans",
        "MATCH (:Chunk)<-[r:FROM_CHUNK]-() SET r.count = 7",
        """MATCH (a)-[r:WORKS_FOR]->(), (b:Company {name: 'Globex'})
        CREATE (a)-[led:WORKS_FOR]->(b) SET led = properties(r) DELETE r""",
        """MATCH (a)-[r:WORKS_FOR]->(b)
        CREATE (a)-[named:LEFT]->(b) SET named = properties(r) DELETE r""",
    ],
)
def test_a_repair_puts_back_all_that_a_diff_shows(kg, neo4j, change):
    kg.push(neo4j.url)
    before = neo4j.contents()
    neo4j.rows(change)
    assert kg.diff(neo4j.url)
    assert kg.push(neo4j.url, repair=True)
    assert kg.diff(neo4j.url).to_json() == NOTHING
    assert neo4j.contents() == before


def test_a_repair_puts_back_vectors_and_indexes(kg, neo4j):
    kg.push(neo4j.url)
    before, indexes = neo4j.contents(), sorted(neo4j.rows("SHOW INDEXES YIELD name"))
    neo4j.rows("MATCH (c:Chunk) REMOVE c.embedding")
    for name in ("vector", "entity_vector", "keyword"):
        neo4j.rows(f"DROP INDEX {name}")
    assert kg.diff(neo4j.url).changed == 2
    kg.push(neo4j.url, repair=True)
    assert neo4j.contents() == before
    assert sorted(neo4j.rows("SHOW INDEXES YIELD name")) == indexes


def test_a_push_of_the_same_reads_the_mark_alone(kg, neo4j, monkeypatch):
    kg.push(neo4j.url)
    monkeypatch.setattr(Neo4jStore, "_bring_in_step", None)
    assert kg.push(neo4j.url).to_json() == NOTHING


def test_a_push_that_failed_leaves_no_mark(kg, neo4j, monkeypatch):
    kg.push(neo4j.url)
    neo4j.rows("MATCH (p:Person) DETACH DELETE p")
    with monkeypatch.context() as patch:
        patch.setattr("kgbuild.connectors.neo4j.store.define_indexes", _failing)
        with pytest.raises(StoreError, match="no more room"):
            kg.push(neo4j.url)
    neo4j.rows("MATCH ()-[r:FROM_CHUNK]->() WITH r LIMIT 1 DELETE r")
    kg.push(neo4j.url)
    assert kg.diff(neo4j.url).to_json() == NOTHING


def _failing(*_):
    raise StoreError("no more room")


def test_two_who_write_at_once_neither_stop_nor_double_each_other(tmp_path, kg, neo4j):
    kg.push(neo4j.url)
    once = neo4j.contents()
    neo4j.empty()
    problems = []

    def push():
        try:
            kg.push(neo4j.url)
        except Exception as problem:  # noqa: BLE001  # shown by the assertion
            problems.append(problem)

    threads = [threading.Thread(target=push) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert problems == []
    assert neo4j.contents() == once


# What belongs to others


def test_nodes_and_relationships_of_others_stay_as_they_are(kg, neo4j):
    neo4j.rows(
        """CREATE (:Person:__Entity__ {id: 'person/Ada_Lovelace', name: 'Ada Lovelace', age: 36})
            -[:WORKS_FOR {type: 'works for', key: 'x'}]->(:Company {name: 'Acme Corp'}),
            (:Document {id: 'a.txt', text: 'mine'}), (:Chunk {id: 'a.txt#0', text: 'mine'})"""
    )
    before = neo4j.contents()
    kg.push(neo4j.url)
    kg.remove("a.txt", "b.txt")
    kg.push(neo4j.url)
    assert neo4j.contents() == before


def test_what_others_add_to_our_nodes_outlives_these(kg, neo4j):
    kg.push(neo4j.url)
    neo4j.rows(
        """MATCH (p:Person {name: 'Ada Lovelace'}), (c:Company {name: 'Acme Corp'})
        SET p.reviewed = true, c:Favourite
        CREATE (p)<-[:ABOUT {stars: 5}]-(:Note {text: 'mine'})"""
    )
    assert kg.push(neo4j.url).to_json() == NOTHING
    assert kg.diff(neo4j.url).to_json() == NOTHING
    kg.remove("a.txt", "b.txt")
    kg.push(neo4j.url)
    assert neo4j.rows(
        "MATCH (n)<-[r:ABOUT]-(m) RETURN labels(n), properties(n), r.stars, m.text"
    ) == [[[], {"reviewed": True}, 5, "mine"]]
    assert neo4j.rows("MATCH (n:Favourite) RETURN labels(n), properties(n)") == [
        [["Favourite"], {}]
    ]
    assert neo4j.value("MATCH (n:__kgbuild__) RETURN count(n)") == 0


def test_an_index_of_another_thing_is_not_replaced(kg, neo4j):
    neo4j.rows("CREATE FULLTEXT INDEX keyword FOR (n:Note) ON EACH [n.text]")
    with pytest.raises(StoreError, match="has an index 'keyword' of something else"):
        kg.push(neo4j.url)


def test_an_index_for_longer_vectors_is_not_replaced(kg, neo4j):
    neo4j.rows(
        "CREATE VECTOR INDEX mine FOR (n:Chunk) ON (n.embedding)"
        " OPTIONS {indexConfig: {`vector.dimensions`: 99}}"
    )
    with pytest.raises(StoreError, match="'mine' is for vectors of 99 numbers, not of 10"):
        kg.push(neo4j.url)


# Whatever a text may hold

HOSTILE = [
    "` `` \\` \\u0060",
    "'\"\\ quoted",
    "two\nlines\tand\r",
    "Zoë 東京 \N{GRINNING FACE} e\N{COMBINING ACUTE ACCENT}",
    "`) DETACH DELETE n //",
    "x'}) MATCH (n) DETACH DELETE n //",
    "$rows ${rows} {0} %s TYPE",
    "n" * 10_000,
]


class Whole:
    """Finds one relation: from the first line of a text, a type and a name, to the second."""

    fingerprint = "whole"

    def __init__(self, type, relation):
        self._type, self._relation = type, relation

    def extract(self, documents):
        for document in documents:
            text = document.text
            cut = text.index("|")
            head = Mention(document.id, 0, cut, text[:cut], self._type, 0.9)
            tail = Mention(document.id, cut + 1, len(text), text[cut + 1 :], self._type, 0.9)
            relation = Relation(head, tail, self._relation, 0.8, self._relation)
            chunk = Chunk(document.id, 0, 0, len(text), text)
            extraction = Extraction(document.id, (head, tail), (relation,), 1.0)
            yield Extracted(document, (chunk,), extraction)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12].encode().hex())
def test_a_text_goes_in_and_comes_out_unchanged(tmp_path, neo4j, text):
    ontology = Ontology.parse(
        yaml.safe_dump({"entities": [text], "relations": {text: {"head": text, "tail": text}}})
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/a.txt").write_text(f"{text}|other {text}", newline="")
    [type], [relation] = ontology.entities, ontology.relations  # white space is one space there
    with open_graph(
        tmp_path / "kg", extractor=Whole(type, relation), ontology=ontology, store=neo4j.url
    ) as kg:
        kg.ingest([tmp_path / "docs"])
        assert kg.stats().triples == 1
        assert kg.diff(neo4j.url).to_json() == NOTHING
        assert kg.push(neo4j.url).to_json() == NOTHING
        [triple] = kg.triples()
        store = Neo4jStore(neo4j.url)
        assert store.reader.neighbours([triple.head.id]).triples == (triple,)
        store.close()
    [[labels, native, fact]] = neo4j.rows(
        "MATCH (a:__Entity__)-[r]->(:__Entity__) RETURN labels(a), type(r), r.type"
    )
    assert fact == relation
    assert label(type) in labels
    assert native == relationship_type(relation)
    assert (
        neo4j.value("MATCH (n) RETURN count(n)") == 6
    )  # document, chunk, two entities, lock, mark


# Asking


def test_a_reader_finds_chunks_by_meaning_and_by_words(reader):
    [(near, score), *_] = reader.chunks_near(Letters().embed([TEXTS["b.txt"]])[0], 2)
    assert (near.text, round(score, 3)) == (TEXTS["b.txt"], 1)
    [(found, _)] = reader.chunks_with_words('who "founded: Globex?', 5)
    assert found == Chunk("a.txt", 0, 0, len(TEXTS["a.txt"]), TEXTS["a.txt"])
    assert reader.chunks_with_words("?!", 5) == []


def test_a_reader_finds_entities_and_what_is_around_them(kg, reader):
    [(ada, _)] = reader.entities_named("Where is ada now?", 3)
    assert [ada] == list(kg.entities("Ada Lovelace"))
    for hops in (1, 2):
        assert reader.neighbours([ada.id], hops) == kg._graph.neighbours([ada.id], hops)
    assert [entity.name for entity in reader.entities(reader.chunks([("b.txt", 0)]))] == [
        "Ada Lovelace",
        "Acme Corp",
        "Bob Smith",
    ]


def test_a_reader_of_an_empty_database(neo4j):
    store = Neo4jStore(neo4j.url)
    with pytest.raises(StoreError, match="holds no graph yet"):
        store.reader.chunks_near([0.0], 1)
    store.close()


# What can go wrong, in one line


def test_nobody_answers():
    with pytest.raises(StoreError, match="cannot be reached; is the server running"):
        open_store(f"bolt://127.0.0.1:{free_port()}")


def test_a_wrong_password_is_said_and_not_shown(neo4j, monkeypatch, caplog):
    monkeypatch.setenv("NEO4J_PASSWORD", "correct horse")
    with pytest.raises(StoreError, match="refuses this user; set NEO4J_USERNAME and") as problem:
        open_store(neo4j.url)
    assert "correct horse" not in f"{problem.value} {problem.value.__cause__} {caplog.text}"


def test_an_unknown_database(neo4j, monkeypatch):
    monkeypatch.setenv("NEO4J_DATABASE", "nowhere")
    with pytest.raises(StoreError, match="has no database 'nowhere'; set NEO4J_DATABASE"):
        open_store(neo4j.url)


def test_an_old_server(neo4j, monkeypatch):
    monkeypatch.setattr("kgbuild.connectors.neo4j.server.OLDEST", (2099, 1))
    with pytest.raises(StoreError, match=r"is Neo4j/5.26.12; kgbuild needs Neo4j/2099.1 or later"):
        open_store(neo4j.url)


def test_the_commands(kg, neo4j, run, tmp_path):
    place = ("--from", tmp_path / "kg")
    assert run("diff", neo4j.url, *place).code == 1
    assert "20 things added, 0 changed, 0 deleted" in run("push", neo4j.url, *place).out
    assert "nothing was written" in run("push", neo4j.url, *place).out
    outcome = run("diff", neo4j.url, *place)
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(run("diff", neo4j.url, *place, "--json").out) == NOTHING
