"""Files that other programs read, and stores by URL."""

import json
from xml.etree import ElementTree

import pytest
from reading import exported, ingested, open_graph

from kgbuild import StoreError
from kgbuild.connectors.store import open_store

TEXTS = {
    "a.txt": "Indeed \x01<&> Ada Lovelace works for Acme Corp.",
    "b.txt": "Ada Lovelace works for Acme Corp. Globex founded on 1 May 1843.",
}


@pytest.fixture
def kg(tmp_path):
    with ingested(tmp_path, TEXTS) as kg:
        yield kg


def test_jsonl_is_what_scripts_rely_on(kg):
    founded, works = map(json.loads, exported(kg, "jsonl").splitlines())

    assert founded["tail"] == {"value": "1843-05-01", "datatype": "date"}
    assert works["head"] == {
        "id": "person/Ada_Lovelace",
        "name": "Ada Lovelace",
        "type": "person",
    }
    assert works["type"] == "works for"
    assert works["tail"] == {"id": "company/Acme_Corp", "name": "Acme Corp", "type": "company"}
    assert [evidence["document"] for evidence in works["evidence"]] == ["a.txt", "b.txt"]
    for evidence in works["evidence"]:
        text = TEXTS[evidence["document"]]
        assert text[evidence["start"] : evidence["end"]] == evidence["quote"]
        assert text[slice(*evidence["head"])] == "Ada Lovelace"
        assert text[slice(*evidence["tail"])] == "Acme Corp"
        assert evidence.keys() == {
            *("document", "start", "end", "quote", "head", "tail", "score", "model")
        }


def test_graphml_has_a_node_for_each_end_of_each_edge(kg):
    root = ElementTree.fromstring(exported(kg, "graphml"))
    space = {"g": "http://graphml.graphdrawing.org/xmlns"}

    nodes = {node.get("id"): node for node in root.iterfind(".//g:node", space)}
    edges = root.findall(".//g:edge", space)
    assert {"person/Ada_Lovelace", "company/Acme_Corp", "date:1843-05-01"} <= nodes.keys()
    assert len(edges) == 2
    for edge in edges:
        assert {edge.get("source"), edge.get("target")} <= nodes.keys()
    keys = {key.get("id") for key in root.iterfind("g:key", space)}
    assert {data.get("key") for data in root.iterfind(".//g:data", space)} <= keys


def test_graphml_marks_what_xml_cannot_say(kg):
    assert "Indeed \N{REPLACEMENT CHARACTER}&lt;&amp;&gt;" in exported(kg, "graphml").decode()


def test_an_unknown_format(kg):
    formats = "jsonl, nt, turtle, graphml, neo4j-csv"
    with pytest.raises(StoreError, match=f"no format 'csv'; there are {formats}"):
        exported(kg, "csv")


@pytest.mark.parametrize(
    ("name", "format"),
    [("g.jsonl", "jsonl"), ("g #1%20ü.nt", "nt"), ("g.ttl", "turtle"), ("g.graphml", "graphml")],
)
def test_a_file_is_a_store(kg, tmp_path, name, format):
    for url in (str(tmp_path / name), (tmp_path / name).as_uri()):
        store = open_store(url)
        store.write(kg._graph)
        store.write(kg._graph)
        assert (tmp_path / name).read_bytes() == exported(kg, format)
        (tmp_path / name).unlink()
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://host/graph", "no store of this kind; give a file's path"),
        ("graph.xlsx", "ends in one of .jsonl, .nt, .ttl, .graphml"),
        ("graph", "ends in one of"),
        ("no/such/folder/graph.nt", "lies in none"),
    ],
)
def test_a_store_that_cannot_be(url, problem):
    with pytest.raises(StoreError, match=problem):
        open_store(url)


def test_a_store_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(StoreError, match="no store of this kind"):
        open_graph(tmp_path / "kg", store="nowhere://x")
    assert not (tmp_path / "kg").exists()
