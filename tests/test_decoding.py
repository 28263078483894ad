from kgbuild.decoding import Candidates, decode
from kgbuild.ontology import Ontology

ONTOLOGY = Ontology.parse("""
name: test
entities:
  person: {}
  organization: {}
  company: {is_a: organization}
  date: {literal: date}
relations:
  works for: {head: person, tail: organization}
  founded on: {head: organization, tail: date, functional: true}
  led by: {head: organization, tail: person, inverse_functional: true}
  leads: {head: person, tail: organization, is_a: works for}
  left: {head: person, tail: organization}
  married to: {head: person, tail: person, symmetric: true}
  parent of: {head: person, tail: person}
""")


def found(text, types, relations=()):
    """Decode; types and relations are written with the words themselves."""

    def span(words):
        start = text.index(words)
        return (start, start + len(words))

    candidates = Candidates(
        {span(words): scores for words, scores in types.items()},
        {(span(head), name, span(tail)): score for head, name, tail, score in relations},
    )
    mentions, edges = decode("d", text, candidates, ONTOLOGY, "m")
    assert all(text[m.start : m.end] == m.text for m in mentions)
    assert all(edge.head in mentions and edge.tail in mentions for edge in edges)
    return {m.text: m.type for m in mentions}, {(e.head.text, e.type, e.tail.text) for e in edges}


def test_of_two_spans_that_overlap_the_better_one_stays():
    mentions, _ = found("Ada Lovelace", {"Ada Lovelace": {"person": 0.9}, "Ada": {"person": 0.8}})
    assert mentions == {"Ada Lovelace": "person"}


def test_of_two_equal_spans_the_longer_one_stays():
    mentions, _ = found(
        "Ada Lovelace", {"Ada Lovelace": {"person": 0.9}, "Lovelace": {"person": 0.9}}
    )
    assert mentions == {"Ada Lovelace": "person"}


def test_a_relation_between_wrong_types_is_not_found():
    types = {"Ada": {"person": 0.9}, "1843": {"date": 0.9}}
    assert found("Ada 1843", types, [("Ada", "works for", "1843", 0.99)])[1] == set()


def test_a_subtype_may_stand_where_its_type_may():
    types = {"Ada": {"person": 0.9}, "Acme": {"company": 0.9}}
    edge = ("Ada", "works for", "Acme")
    assert found("Ada Acme", types, [(*edge, 0.6)])[1] == {edge}


def test_a_relation_can_tip_the_balance_between_two_types():
    types = {"Ada": {"person": 0.9}, "Brandt": {"person": 0.62, "company": 0.58}}
    assert found("Ada Brandt", types)[0]["Brandt"] == "person"
    mentions, edges = found("Ada Brandt", types, [("Ada", "works for", "Brandt", 0.7)])
    assert mentions["Brandt"] == "company"
    assert edges == {("Ada", "works for", "Brandt")}


def test_a_type_that_is_sure_is_not_overruled_by_a_doubtful_relation():
    types = {"Ada": {"person": 0.9}, "Eve": {"person": 0.99, "company": 0.51}}
    relations = [("Ada", "works for", "Eve", 0.3), ("Ada", "married to", "Eve", 0.8)]
    assert found("Ada Eve", types, relations) == (
        {"Ada": "person", "Eve": "person"},
        {("Ada", "married to", "Eve")},
    )


def test_of_relations_between_two_mentions_only_those_near_the_best_stay():
    types = {"Ada": {"person": 0.9}, "Acme": {"company": 0.9}}
    doubtful = [("Ada", "left", "Acme", 0.6), ("Ada", "works for", "Acme", 0.9)]
    assert found("Ada Acme", types, doubtful)[1] == {("Ada", "works for", "Acme")}
    close = [("Ada", "left", "Acme", 0.8), ("Ada", "works for", "Acme", 0.9)]
    assert len(found("Ada Acme", types, close)[1]) == 2


def test_a_more_general_relation_is_no_rival():
    types = {"Ada": {"person": 0.9}, "Acme": {"company": 0.9}}
    relations = [("Ada", "leads", "Acme", 0.9), ("Ada", "works for", "Acme", 0.6)]
    assert len(found("Ada Acme", types, relations)[1]) == 2


def test_a_symmetric_relation_is_kept_once():
    types = {"Ada": {"person": 0.9}, "Eve": {"person": 0.9}}
    relations = [("Eve", "married to", "Ada", 0.8), ("Ada", "married to", "Eve", 0.7)]
    assert found("Ada Eve", types, relations)[1] == {("Ada", "married to", "Eve")}


def test_of_the_two_directions_of_a_relation_the_better_one_stays():
    types = {"Ada": {"person": 0.9}, "Eve": {"person": 0.9}}
    relations = [("Eve", "parent of", "Ada", 0.8), ("Ada", "parent of", "Eve", 0.7)]
    assert found("Ada Eve", types, relations)[1] == {("Eve", "parent of", "Ada")}


def test_a_functional_relation_has_one_tail_a_head_however_often_it_is_said():
    text = "Acme 1901 ACME 1902 acme 1901."
    candidates = Candidates(
        {(0, 4): {"company": 0.9}, (5, 9): {"date": 0.9}, (10, 14): {"company": 0.9},
         (15, 19): {"date": 0.9}, (20, 24): {"company": 0.9}, (25, 29): {"date": 0.9}},
        {((0, 4), "founded on", (5, 9)): 0.9, ((10, 14), "founded on", (15, 19)): 0.8,
         ((20, 24), "founded on", (25, 29)): 0.6},
    )  # fmt: skip
    _, edges = decode("d", text, candidates, ONTOLOGY, "m")
    assert [(e.head.start, e.tail.text) for e in edges] == [(0, "1901"), (20, "1901")]


def test_an_inverse_functional_relation_has_one_head_a_tail():
    types = {"Acme": {"company": 0.9}, "Brio": {"company": 0.9}, "Ada": {"person": 0.9}}
    relations = [("Acme", "led by", "Ada", 0.7), ("Brio", "led by", "Ada", 0.9)]
    assert found("Acme Brio Ada", types, relations)[1] == {("Brio", "led by", "Ada")}


def test_nothing_comes_of_nothing():
    assert found("", {}) == ({}, set())
