"""The graph as RDF: sorted, one IRI for one thing, and nothing that breaks out of its quotes."""

import pyoxigraph
import pytest
from reading import exported, ingested

from kgbuild import Entity, Ontology
from kgbuild.connectors.rdf import PREFIXES, Vocabulary, iri, literal

TEXTS = {
    "a b.txt": "Ada Lovelace works for Acme Corp. Globex founded on 1 May 1843.",
    "c.txt": 'He said "Ada Lovelace works for Acme Corp" \\ and left.\tDone.',
}


@pytest.fixture
def kg(tmp_path):
    with ingested(tmp_path, TEXTS) as kg:
        yield kg


def parsed(data, format):
    return {str(quad) for quad in pyoxigraph.parse(data, format)}


def test_nt_is_sorted_and_each_line_is_there_once(kg):
    lines = exported(kg, "nt").decode().removesuffix("\n").split("\n")
    assert lines == sorted(set(lines))
    fact = (
        "<https://example.org/company#person/Ada_Lovelace> <https://example.org/company#worksFor>"
        " <https://example.org/company#company/Acme_Corp> ."
    )
    assert fact in lines


def test_turtle_says_what_nt_says(kg):
    nt = parsed(exported(kg, "nt"), pyoxigraph.RdfFormat.N_TRIPLES)
    turtle = parsed(exported(kg, "turtle"), pyoxigraph.RdfFormat.TURTLE)
    assert turtle == nt
    assert len(nt) == len(exported(kg, "nt").splitlines())


def test_a_fact_has_its_evidence(kg):
    store = pyoxigraph.Store()
    store.load(exported(kg, "nt"), pyoxigraph.RdfFormat.N_TRIPLES)
    rows = store.query(
        """SELECT ?name ?quote ?begin ?end {
            ?evidence rdf:predicate :worksFor ; prov:wasDerivedFrom/rdfs:label ?name ;
                prov:value ?quote ; nif:beginIndex ?begin ; nif:endIndex ?end } ORDER BY ?name""",
        prefixes=PREFIXES | {"": "https://example.org/company#"},
    )
    found = [tuple(cell.value for cell in row) for row in rows]
    assert [name for name, *_ in found] == ["a b.txt", "c.txt"]
    for name, quote, begin, end in found:
        assert TEXTS[name][int(begin) : int(end)] == quote


def test_values_are_typed(kg):
    assert b'"1843-05-01"^^<http://www.w3.org/2001/XMLSchema#date>' in exported(kg, "nt")


def test_the_ontology_goes_with_the_graph(kg):
    turtle = exported(kg, "turtle").decode()
    assert ":Company rdf:type owl:Class ;\n    rdfs:label" in turtle
    assert "rdfs:subClassOf :Organization" in turtle
    assert ":marriedTo rdf:type owl:ObjectProperty, owl:SymmetricProperty" in turtle
    assert ":foundedOn rdf:type owl:DatatypeProperty" in turtle
    assert "owl:inverseOf :foundedBy" in turtle


def test_no_two_types_share_an_iri():
    ontology = Ontology.parse(
        "entities: [person, '1 b', 1B]\n"
        "relations: {works for: {}, worksFor: {}, works_for: {}, works/for: {}, ö: {}, Person: {}}"
    )
    words = Vocabulary(ontology)

    iris = [words.relation(name) for name in ontology.relations]
    iris += [words.type(name) for name in ontology.entities]
    assert len(set(iris)) == 9
    assert words.relation("works for").endswith("#worksFor>")
    assert words.relation("worksFor").endswith("#worksFor_>")


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\nb\r\t", "\x00\x1f\x7f", "🙂ü", "\u2028", ""])
def test_literals_come_back_as_they_were(text):
    line = f"<s:s> <p:p> {literal(text)} .\n".encode()
    [quad] = pyoxigraph.parse(line, pyoxigraph.RdfFormat.N_TRIPLES)
    assert quad.object.value == text


@pytest.mark.parametrize("text", ["a> <b> <c", "a b", 'a"{}|^`\\', "ü🙂", "\x00\n"])
def test_iris_hold_nothing_that_ends_them(text):
    line = f"<s:s> <p:p> {iri('x:' + text)} .\n".encode()
    [quad] = pyoxigraph.parse(line, pyoxigraph.RdfFormat.N_TRIPLES)
    assert isinstance(quad.object, pyoxigraph.NamedNode)


def test_entities_are_under_the_prefix_of_the_ontology():
    ontology = Ontology.parse("name: x\nprefix: https://example.org/x/\nentities: [person]")
    entity = Entity("person/Ada_Lovelace", "Ada Lovelace", "person")
    assert Vocabulary(ontology).entity(entity) == "<https://example.org/x/person/Ada_Lovelace>"
