from itertools import product

import pytest

from kgbuild.errors import OntologyError
from kgbuild.ontology import Ontology
from kgbuild.passes import plan


def words(entities, relations):
    """A prompt's size if every label costs its words and a sign."""
    return sum(1 + len(label.split()) for label in [*entities, *relations])


def linked(ontology, passes):
    """Every (relation, head, tail) that some pass can find."""
    return {
        (relation, head, tail)
        for one in passes
        for relation, head, tail in product(one.relations, one.entities, one.entities)
        if ontology.allows(relation, head, tail)
    }


def everything(ontology):
    names = list(ontology.entities)
    return {
        (relation, head, tail)
        for relation, head, tail in product(ontology.relations, names, names)
        if ontology.allows(relation, head, tail)
    }


SMALL = Ontology.parse("""
name: small
entities: [person, company, city]
relations: [[person, works for, company], [company, based in, city]]
""")


def test_a_small_ontology_is_asked_for_in_one_pass():
    (one,) = plan(SMALL, words, budget=100)
    assert set(one.entities) == {"person", "company", "city"}
    assert set(one.relations) == {"works for", "based in"}


def test_a_pass_knows_which_types_may_be_paired():
    (one,) = plan(SMALL, words, budget=100)
    pairable = one.pairable(SMALL)
    at = one.entities.index
    assert pairable[at("person"), at("company")]
    assert not pairable[at("company"), at("person")]
    assert pairable.sum() == 2


@pytest.mark.parametrize("budget", [12, 20, 45, 90])
def test_a_large_ontology_is_split_and_nothing_is_left_out(budget):
    entities = [f"type {i}" for i in range(30)]
    relations = [
        [f"type {i}", f"relation {i} {j}", f"type {j}"] for i in range(0, 30, 3) for j in (1, 2)
    ]
    ontology = Ontology.parse(f"name: large\nentities: {entities}\nrelations: {relations}")
    passes = plan(ontology, words, budget)
    labels = [(list(one.entities), list(one.relations)) for one in passes]
    assert all(words(*one) <= budget for one in labels)
    assert {name for one in passes for name in one.entities} == set(entities)
    assert linked(ontology, passes) == everything(ontology)


def test_a_relation_between_any_types_meets_every_pair_of_them():
    entities = [f"type {i}" for i in range(40)]
    ontology = Ontology.parse(f"name: any\nentities: {entities}\nrelations:\n  related to: {{}}")
    passes = plan(ontology, words, budget=40)
    assert len(passes) > 1
    assert linked(ontology, passes) == everything(ontology)


def test_a_label_that_cannot_fit_is_named():
    ontology = Ontology.parse(f"name: long\nentities: ['{'very ' * 50}long', short]")
    with pytest.raises(OntologyError, match="too long for the model"):
        plan(ontology, words, budget=20)


def test_an_ontology_without_relations_is_asked_for_its_types():
    ontology = Ontology.parse("name: types\nentities: [person, city]")
    (one,) = plan(ontology, words, budget=50)
    assert one.relations == ()
    assert not one.pairable(ontology).any()
