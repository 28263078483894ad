"""The commands that read a graph, on a small one whose extractions are made by hand."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kgbuild import Extraction, KnowledgeGraph, Mention, Ontology, Relation
from kgbuild.chunking import chunk
from kgbuild.extraction import Extracted

KGBUILD = Path(sys.executable).with_name("kgbuild")
ONTOLOGY = """
name: letters
prefix: https://example.org/letters#
entities: {person: , city: , year: {literal: date}}
relations:
  lives in: {head: person, tail: city}
  born in: {head: person, tail: year}
"""
DOCUMENTS = {
    "ada.txt": "Ada Lovelace lives in London.\nAda Lovelace was born in 1815.",
    "babbage.txt": "Charles Babbage lives in London.",
    "both.txt": "As we know, Ada Lovelace lives in London.",
}
NAMES = {"person": "Ada Lovelace|Charles Babbage", "city": "London", "year": r"\d{4}"}
FACTS = {"lives in": r"(\w+ \w+) lives in (\w+)", "born in": r"(\w+ \w+) was born in (\d+)"}


class ByPattern:
    """An extractor that finds just what this file's documents say."""

    fingerprint = "by pattern"

    def extract(self, documents):
        for document in documents:
            chunks = chunk(document, budget=20, count=words)
            mentions = {
                match.span(): Mention(document.id, *match.span(), match[0], type, 0.9)
                for type, pattern in NAMES.items()
                for match in re.finditer(pattern, document.text)
            }
            relations = [
                Relation(mentions[match.span(1)], mentions[match.span(2)], type, 0.8, "by pattern")
                for type, pattern in FACTS.items()
                for match in re.finditer(pattern, document.text)
            ]
            found = tuple(mentions[span] for span in sorted(mentions))
            extraction = Extraction(document.id, found, tuple(relations), 1.0)
            yield Extracted(document, tuple(chunks), extraction, None)


def words(texts):
    return [len(text.split()) for text in texts]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("letters")
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text, "utf-8")
    graph = folder / "kg"
    ontology = Ontology.parse(ONTOLOGY)
    with KnowledgeGraph.open(graph, ontology=ontology, extractor=ByPattern()) as kg:
        kg.ingest([folder])
    return graph


@pytest.fixture
def graph(built, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(built, tmp_path / "kg")


def test_stats_counts(run, built):
    code, out, err = run("stats", "--from", built)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert "documents\t3" in lines
    assert "entities\t3" in lines
    assert "triples\t3" in lines
    assert "lives in\t2" in lines


def test_stats_as_json_is_one_object(run, built):
    counts = json.loads(run("stats", "--from", built, "--json").out)
    assert counts["documents"] == 3
    assert counts["relation_types"] == {"born in": 1, "lives in": 2}


def test_explain_shows_every_sentence_behind_an_edge(run, built):
    code, out, _ = run("explain", "ada lovelace", "lives in", "London", "--from", built)
    assert code == 0
    assert "Ada Lovelace — lives in → London" in out
    assert "ada.txt" in out
    assert "both.txt" in out
    assert "As we know, Ada Lovelace lives in London." in out


def test_explain_as_json_is_the_line_of_the_export(run, built):
    explained = run("explain", "Ada Lovelace", "born in", "1815", "--from", built, "--json").out
    assert explained in run("export", "--format", "jsonl", "--from", built).out
    assert json.loads(explained)["tail"] == {"value": "1815", "datatype": "gYear"}


@pytest.mark.parametrize(
    ("edge", "complaint"),
    [
        (("Ada Lovelac", "lives in", "London"), "'Ada Lovelace'"),
        (("Ada Lovelace", "likes", "London"), "lives in"),
        (("Ada Lovelace", "lives in", "Paris"), "'London'"),
    ],
)
def test_an_edge_that_is_not_there_fails_with_one_that_is_near(run, built, edge, complaint):
    code, out, err = run("explain", *edge, "--from", built)
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert complaint in err


def test_query_prints_a_table(run, built):
    query = "SELECT ?name { ?who :livesIn ?where ; rdfs:label ?name } ORDER BY ?name"
    code, out, _ = run("query", query, "--from", built)
    assert (code, out) == (0, "name\nAda Lovelace\nCharles Babbage\n")


def test_query_as_json_is_the_standards(run, built):
    query = "SELECT ?born { ?who :bornIn ?born }"
    answer = json.loads(run("query", query, "--from", built, "--json").out)
    assert answer["head"] == {"vars": ["born"]}
    assert answer["results"]["bindings"][0]["born"]["value"] == "1815"


@pytest.mark.parametrize("query", ["SELECT", "DELETE WHERE { ?s ?p ?o }", "nonsense"])
def test_a_query_that_cannot_be_answered_fails_in_one_line(run, built, query):
    code, out, err = run("query", query, "--from", built)
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("format", ["jsonl", "nt", "turtle", "graphml"])
def test_export_writes_the_same_to_a_file_and_to_standard_output(built, tmp_path, run, format):
    arguments = ["export", "--from", built, "--format", format]
    shown = subprocess.check_output([KGBUILD, *arguments])
    assert run(*arguments, "--output", tmp_path / "out") == (0, "", "")
    assert (tmp_path / "out").read_bytes() == shown
    assert b"Ada" in shown
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_exported_quotes_stand_in_the_documents(run, built):
    for line in run("export", "--from", built, "--format", "jsonl").out.splitlines():
        triple = json.loads(line)
        for evidence in triple["evidence"]:
            text = DOCUMENTS[evidence["document"]]
            assert text[evidence["start"] : evidence["end"]] == evidence["quote"]
            assert text[slice(*evidence["head"])] == triple["head"]["name"]


def test_export_to_a_place_that_cannot_be_written_fails_in_one_line(run, built, tmp_path):
    arguments = ["export", "--from", built, "--format", "nt"]
    code, out, err = run(*arguments, "--output", tmp_path / "missing" / "out.nt")
    assert (code, out) == (1, "")
    assert err.startswith("error: ")


def test_search_finds_passages_and_edges(run, built):
    code, out, _ = run("search", "where does Babbage live?", "-k", 1, "--from", built)
    assert code == 0
    assert "babbage.txt" in out.splitlines()[0]
    assert "Charles Babbage\tlives in\tLondon" in out


def test_search_as_json_is_one_object(run, built):
    result = json.loads(run("search", "Ada Lovelace", "--from", built, "--json").out)
    assert set(result) == {"question", "chunks", "entities", "triples"}
    assert {"document", "start", "end", "text", "score"} == set(result["chunks"][0])


def test_remove_takes_back_what_only_that_document_says(run, graph):
    assert run("remove", "ada.txt", "--from", graph).code == 0
    counts = json.loads(run("stats", "--from", graph, "--json").out)
    assert counts["relation_types"] == {"lives in": 2}


def test_removing_what_is_not_there_is_told_and_the_rest_is_removed(run, graph):
    code, _, err = run("remove", "ada.txt", "nobody.txt", "--from", graph)
    assert code == 3
    assert err == "error: nobody.txt: no such document in the graph\n"
    assert json.loads(run("stats", "--from", graph, "--json").out)["documents"] == 2
