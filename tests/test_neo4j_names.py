"""What things are called in Neo4j; no server is asked."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgbuild import StoreError
from kgbuild.connectors.neo4j import LAYOUTS
from kgbuild.connectors.neo4j.layout import label, quoted, relationship_type
from kgbuild.connectors.neo4j.rows import digest, key
from kgbuild.connectors.store import open_store


@pytest.mark.parametrize(
    ("type", "expected_label", "expected_relationship"),
    [
        ("person", "Person", "PERSON"),
        ("works for", "WorksFor", "WORKS_FOR"),
        ("RNA-binding protein", "RNABindingProtein", "RNA_BINDING_PROTEIN"),
        ("type_2 diabetes", "Type2Diabetes", "TYPE_2_DIABETES"),
        ("`) DETACH DELETE n //", "`) DETACH DELETE n //", "`) DETACH DELETE n //"),
        ("größe", "Größe", "GRÖSSE"),
    ],
)
def test_plain_words_become_what_is_usual(type, expected_label, expected_relationship):
    assert label(type) == expected_label
    assert relationship_type(type) == expected_relationship


@given(st.text(min_size=1))
def test_nothing_ends_a_quoted_name(name):
    inside = quoted(name)[1:-1]
    assert "`" not in inside.replace("``", "")
    assert "\\" not in inside.replace("\\u005C", "")


def test_a_key_is_short_and_tells_what_it_is_of():
    assert key("chunk", "a" * 10_000, "0").startswith("chunk-")
    assert len(key("entity", "a" * 10_000)) < 50
    assert key("chunk", "a", "bc") != key("chunk", "ab", "c")


def test_a_digest_is_of_labels_and_properties():
    assert digest(("A", "B"), {"x": 1, "y": None}) == digest(("B", "A"), {"x": 1})
    assert digest(("A",), {"x": 1}) != digest(("A",), {"x": 2})


def test_layouts_are_those_of_other_tools():
    assert [*LAYOUTS] == ["neo4j-graphrag", "langchain", "llm-graph-builder"]
    assert len({(layout.chunk, layout.mention) for layout in LAYOUTS.values()}) == 3


def test_the_tests_and_docker_compose_have_the_same_server():
    root = Path(__file__).parents[1]
    image = re.search(r"neo4j:([\d.]+)-community", (root / "docker-compose.yml").read_text())
    for name in ("pom.xml", "apoc.xml"):
        pom = (root / "tests/neo4j_server" / name).read_text()
        assert f"<neo4j.version>{image[1]}</neo4j.version>" in pom


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("neo4j://me:secret@host", "neo4j://: a store's URL holds no user or password"),
        ("neo4j://host?layout=mine", "may end in .layout= and one of neo4j-graphrag, langchain"),
        ("neo4j://host?policy=eu", "may end in .layout="),
        ("neo4j://host?vectors=some", "vectors=no"),
        ("nowhere://me:secret@host", "nowhere://: no store of this kind"),
    ],
)
def test_a_url_that_cannot_be(url, problem):
    with pytest.raises(StoreError, match=problem) as refusal:
        open_store(url)
    assert "secret" not in str(refusal.value)
