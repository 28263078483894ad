"""Entities that are known before any document is read: names mean them, and keep their ids."""

import pytest
from reading import exported, open_graph, write

from kgbuild import DocumentError

TEXTS = {
    "a.txt": "Ada Lovelace works for Acme Corp.",
    "b.txt": "Augusta King founded Globex. Mary Shelley works for Acme Corp.",
}
CSV = """id,type,name,aliases
https://example.org/people/ada,person,Ada Byron,Ada Lovelace|Augusta King
acme,company,Acme Corp,
Q1,person,Nobody Here,
"""
TURTLE = """
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix : <https://example.org/company#> .
<https://example.org/people/ada> a :Person ; rdfs:label "Ada Byron" ;
    skos:altLabel "Ada Lovelace", "Augusta King" .
<https://example.org/tools/lamp> a :Tool ; rdfs:label "Mary Shelley" .
"""


@pytest.fixture
def ingest(tmp_path):
    docs = write(tmp_path / "docs", TEXTS)
    with open_graph(tmp_path / "kg") as kg:

        def ingest(content=None, name="known.csv"):
            known = write(tmp_path, {name: content}) / name if content else None
            kg.ingest([docs], known=known)
            return kg

        yield ingest


@pytest.mark.parametrize(("content", "name"), [(CSV, "known.csv"), (TURTLE, "known.ttl")])
def test_names_and_aliases_mean_the_known_thing_and_keep_its_id(ingest, content, name):
    [ada] = ingest(content, name).entities("Augusta King")
    assert (ada.id, ada.name) == ("https://example.org/people/ada", "Ada Byron")
    assert ada.aliases == ("Ada Lovelace", "Augusta King")


def test_what_no_document_names_is_not_in_the_graph(ingest):
    ids = {entity.id for entity in ingest(CSV).entities()}
    assert ids == {
        "https://example.org/people/ada", "acme", "company/Globex", "person/Mary_Shelley",
    }  # fmt: skip


def test_a_known_iri_is_kept_in_rdf(ingest):
    assert b"\n<https://example.org/people/ada> " in exported(ingest(CSV), "nt")


def test_the_graph_remembers_what_was_known_until_it_is_given_other_things(ingest):
    ingest(CSV)
    assert "acme" in {entity.id for entity in ingest().entities()}
    assert "acme" not in {entity.id for entity in ingest(TURTLE, "known.ttl").entities()}


def test_decisions_on_a_known_thing_hold_and_are_undone(ingest):
    kg = ingest(CSV)
    before = exported(kg, "jsonl")
    assert kg.merge("Mary Shelley", "Ada Byron").id == "https://example.org/people/ada"
    out, rest = kg.split("Ada Byron", names=["Augusta King"])
    assert (out.id, rest.id) == ("person/Augusta_King", "https://example.org/people/ada")
    kg.undo()
    kg.undo()
    assert exported(kg, "jsonl") == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,name\n1,Ada\n", "has no column 'type'"),
        ("id,type,name\n1,tool,Ada\n", "line 2: 'tool' is no type of thing"),
        ("id,type,name\n1,date,Ada\n", "line 2: 'date' is no type of thing"),
        ("id,type,name\na/b,person,Ada\n", "line 2: needs a name, and an id"),
        ("id,type,name\n1,person,Ada\n1,person,Mary\n", "the id '1' stands there twice"),
    ],
)
def test_a_file_that_says_too_little_is_refused(ingest, content, message):
    with pytest.raises(DocumentError, match=message):
        ingest(content)


def test_turtle_that_is_none_is_refused(ingest):
    with pytest.raises(DocumentError, match="cannot be read"):
        ingest("no turtle", "known.ttl")
