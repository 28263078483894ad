import pytest
from annotated import RAW, RECORD

from kgbuild.errors import OntologyError
from kgbuild.evaluation.inventory import check_ontology, make_ontology
from kgbuild.ontology import Ontology
from kgbuild.training.data import parse_record


def test_the_types_that_occur_are_what_is_asked_for():
    ontology = make_ontology([RECORD])
    assert list(ontology.entities) == ["person"]
    assert list(ontology.relations) == ["met"]


def test_records_that_bring_their_types_give_ends_and_descriptions():
    raw = {
        **RAW,
        "entity_types": {"person": "a human", "city": "a town"},
        "relation_types": {
            "works in": {"head": ["person"], "tail": ["city"], "description": "has a job there"}
        },
    }
    ontology = make_ontology([parse_record(raw, "made")])
    assert ontology.entities["person"].description == "a human"
    assert ontology.allows("works in", "person", "city")
    assert not ontology.allows("works in", "city", "person")


def test_untyped_sources_are_asked_for_common_types():
    raw = {**RAW, "entities": [{"type": "entity", "mentions": [[0, 12]]}], "relations": []}
    assert "person" in make_ontology([parse_record(raw, "made")]).entities


def test_a_given_ontology_has_to_define_all_types():
    check_ontology(Ontology.parse("{entities: [person], relations: [met]}"), [RECORD], "set")
    with pytest.raises(OntologyError, match=r"^set: .* `o` does not define: `person`, `met`;"):
        check_ontology(Ontology.parse("{entities: [city]}", "o"), [RECORD], "set")
