"""SPARQL over the graph: it reads this graph, and nothing else."""

import os

import pytest
from reading import ingested

from kgbuild import KnowledgeGraph, QueryError

TEXTS = {
    "a.txt": "Ada Lovelace works for Initech. Globex founded on 1 May 1843.",
    "b.txt": "Indeed, Ada Lovelace works for Initech.",
}


@pytest.fixture
def kg(tmp_path):
    with ingested(tmp_path, TEXTS) as kg:
        yield kg


def cells(answer):
    return [tuple(str(cell) for cell in row) for row in answer.rows]


def test_a_table(kg):
    answer = kg.query("SELECT ?name ?date { ?x :foundedOn ?date ; rdfs:label ?name }")

    assert answer.variables == ("name", "date")
    assert cells(answer) == [("Globex", "1843-05-01")]
    assert answer.to_json() == {
        "head": {"vars": ["name", "date"]},
        "results": {
            "bindings": [
                {
                    "name": {"type": "literal", "value": "Globex"},
                    "date": {
                        "type": "literal",
                        "value": "1843-05-01",
                        "datatype": "http://www.w3.org/2001/XMLSchema#date",
                    },
                }
            ]
        },
    }


def test_a_variable_without_a_value(kg):
    answer = kg.query("SELECT ?x ?y { ?x a :Person OPTIONAL { ?x :founded ?y } }")
    assert [row[1] for row in answer.rows] == [None]
    assert "y" not in answer.to_json()["results"]["bindings"][0]


def test_yes_or_no(kg):
    answer = kg.query("ASK { ?x a/rdfs:subClassOf* :Organization }")
    assert answer.truth is True
    assert cells(answer) == [("true",)]
    assert answer.to_json() == {"head": {}, "boolean": True}


def test_a_graph(kg):
    answer = kg.query("CONSTRUCT { ?b :employs ?a } WHERE { ?a :worksFor ?b }")
    assert answer.variables == ("subject", "predicate", "object")
    assert len(answer.rows) == 1


def test_a_fact_is_in_one_graph_for_each_piece_of_its_evidence(kg):
    answer = kg.query(
        """SELECT ?document ?quote {
            GRAPH ?evidence { ?a :worksFor ?b }
            ?evidence prov:wasDerivedFrom/rdfs:label ?document ; prov:value ?quote
        } ORDER BY ?document"""
    )
    assert cells(answer) == [
        ("a.txt", "Ada Lovelace works for Initech."),
        ("b.txt", "Indeed, Ada Lovelace works for Initech."),
    ]
    assert cells(kg.query("SELECT (count(*) AS ?n) { ?a :worksFor ?b }")) == [("1",)]


def test_answers_follow_the_graph(kg, tmp_path):
    count = "SELECT (count(*) AS ?n) { ?x a :Person }"
    assert cells(kg.query(count)) == [("1",)]
    [before] = os.listdir(tmp_path / "kg/sparql")
    kg.remove("a.txt", "b.txt")
    assert cells(kg.query(count)) == [("0",)]
    [after] = os.listdir(tmp_path / "kg/sparql")
    assert after != before


def test_two_may_ask_at_once(kg, tmp_path):
    count = "SELECT (count(*) AS ?n) { ?x a :Person }"
    with KnowledgeGraph.open(tmp_path / "kg") as other:
        assert cells(kg.query(count)) == cells(other.query(count)) == [("1",)]


def test_a_graph_that_cannot_be_written_is_asked_in_a_temporary_copy(kg, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with KnowledgeGraph.open(tmp_path / "kg") as kg:
        assert cells(kg.query("SELECT (count(*) AS ?n) { ?x a :Person }")) == [("1",)]
    assert not (tmp_path / "kg/sparql").exists()


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("SELECT * {", "line 1, column 11"),
        ("SELECT *\n{ ?x nope:y ?z }", "line 2, column .*: unknown prefix"),
        ("", "line 1, column 1"),
    ],
)
def test_wrong_syntax_is_shown_where_it_is(kg, query, problem):
    with pytest.raises(QueryError, match=f"not valid SPARQL: {problem}"):
        kg.query(query)


@pytest.mark.parametrize(
    "update",
    [
        "INSERT DATA { <x:a> <x:b> <x:c> }",
        "PREFIX x: <x:> delete where { ?s ?p ?o }",
        "# comment\nCLEAR ALL",
        "LOAD <file:///etc/passwd>",
    ],
)
def test_nothing_can_be_changed(kg, update):
    with pytest.raises(QueryError, match="cannot change the graph"):
        kg.query(update)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { SERVICE <http://localhost:1/> { ?s ?p ?o } }",
        "SELECT * { service silent <http://localhost:1/> { ?s ?p ?o } }",
        "SELECT * { ?s ?p ?x SERVICE ?x { ?a ?b ?c } }",
        "PREFIX e: <http://localhost:1/> SELECT * { SERVICE e:x{ ?s ?p ?o } }",
        "SELECT * { SERVICE#{\n# }\n<http://localhost:1/>#x\n{ ?s ?p ?o } }",
        "SELECT * { \\u0053ERVICE <http://localhost:1/> { ?s ?p ?o } }",
        'SELECT * { FILTER(1<2#> """\n) SERVICE <http://localhost:1/> { ?s ?p ?o } #"""\n}',
    ],
)
def test_no_other_server_is_asked(kg, query):
    with pytest.raises(QueryError, match="SERVICE is not answered"):
        kg.query(query)


def test_the_word_service_is_no_offence(kg):
    kg.query('SELECT * { ?service rdfs:label "service: none" } # the service we want')
    kg.query("PREFIX service: <x:> SELECT * { ?x service:of ?y . OPTIONAL { ?y a ?z } }")
