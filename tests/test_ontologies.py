"""The ready ontologies, the examples' one, and the page on the format."""

import re
from pathlib import Path

import pytest

from kgbuild import ontologies, readers
from kgbuild.datatypes import Document
from kgbuild.errors import OntologyError
from kgbuild.ontology import Ontology

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "ontologies" / "README.md").read_text(encoding="utf-8")
FILES = [*map(ontologies.find, ontologies.names()), ROOT / "examples" / "ontology.yaml"]


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def ready(request):
    return Ontology.load(request.param)


def test_there_are_three():
    assert ontologies.names() == ("company", "general", "science")


@pytest.mark.parametrize("name", ontologies.names())
def test_each_is_found_by_the_name_it_calls_itself(name):
    ontology = Ontology.load(ontologies.find(name))
    assert ontology.name == name
    assert ontology.prefix == f"https://example.org/{name}#"


def test_a_path_stays_a_path(tmp_path):
    assert ontologies.find(tmp_path / "company") == tmp_path / "company"
    assert ontologies.find("my.yaml") == Path("my.yaml")
    assert ontologies.find("../ontologies/company") == Path("../ontologies/company")


def test_your_own_file_wins_over_the_ready_one(tmp_path, monkeypatch):
    (tmp_path / "company").touch()
    monkeypatch.chdir(tmp_path)
    assert ontologies.find("company") == Path("company")


def test_a_name_that_is_neither_says_which_are_ready():
    with pytest.raises(OntologyError) as caught:
        ontologies.find("compny")
    complaint = "compny: is neither a file nor a ready ontology; did you mean `company`?"
    assert str(caught.value) == complaint


def test_every_type_is_described(ready):
    for record in [*ready.entities.values(), *ready.relations.values()]:
        assert record.description, record.name


def test_every_label_is_plain_words(ready):
    for record in [*ready.entities.values(), *ready.relations.values()]:
        assert re.fullmatch(r"[a-z]+([ -][a-z]+)*", record.label)


def test_every_relation_says_what_it_links(ready):
    for relation in ready.relations.values():
        assert relation.head, relation.name
        assert relation.tail, relation.name


def test_every_type_is_linked_by_some_relation(ready):
    linked = {name for r in ready.relations for name in ready.heads(r) | ready.tails(r)}
    assert linked == set(ready.entities)


def test_the_examples_of_the_page_are_ontologies():
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        Ontology.parse(block)


@pytest.mark.parametrize("name", ontologies.names())
def test_the_page_counts_right(name):
    ontology = Ontology.load(ontologies.find(name))
    row = re.search(rf"\| `{name}` \|.*\| (\d+) \| (\d+) \|", PAGE)
    assert row is not None
    assert (int(row[1]), int(row[2])) == (len(ontology.entities), len(ontology.relations))


def test_the_example_documents_are_all_read():
    read = list(readers.read([ROOT / "examples" / "documents"]))
    assert all(isinstance(each, Document) for each in read)
    assert len(read) == 21
