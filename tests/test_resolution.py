from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgbuild.ontology import Ontology
from kgbuild.resolution import Judgement, Name, Resolution, resolve

ONTOLOGY = Ontology.parse(
    """
    name: news
    entities:
      person: {}
      place: {}
      organization: {}
      company: {is_a: organization}
      charity: {is_a: organization}
      gene: {}
    """
)


def entities(*names: Name, embed=None) -> set[frozenset[tuple[str, str]]]:
    """The clusters, each as (document, text) pairs."""
    clusters = resolve(names, ONTOLOGY, embed=embed).clusters
    return {frozenset((name.document_id, name.text) for name in c.names) for c in clusters}


def in_one_document(type: str, *texts: str) -> set[frozenset[str]]:
    found = entities(*(Name("a", type, text) for text in texts))
    return {frozenset(text for _, text in cluster) for cluster in found}


def across_documents(type: str, *texts: str, embed=None) -> set[frozenset[str]]:
    """One document for each text."""
    names = (Name(f"document {i}", type, text) for i, text in enumerate(texts))
    found = entities(*names, embed=embed)
    return {frozenset(text for _, text in cluster) for cluster in found}


def agree(texts) -> np.ndarray:
    """Embeddings that find everything similar."""
    return np.ones((len(texts), 1), dtype=np.float32)


ONE_THING = [
    ("person", "Ada Lovelace", "ADA LOVELACE"),
    ("person", "Dr. Ada Lovelace", "Ada Lovelace, PhD"),
    ("person", "Lovelace, Ada", "Ada Lovelace"),
    ("person", "Søren Kierkegård", "Soren Kierkegard"),
    ("person", "J.R.R. Tolkien", "J. R. R. Tolkien"),
    ("person", "J. R. R. Tolkien", "John Ronald Reuel Tolkien"),
    ("organization", "Acme Inc.", "Acme, Incorporated"),
    ("organization", "Acme", "Acme GmbH & Co. KG"),
    ("organization", "the Royal Society", "Royal Society"),
    ("organization", "DeepSea", "Deep-Sea"),
    ("organization", "US Army", "U.S. Army"),
    ("place", "São Paulo", "Sao Paulo"),
]


@pytest.mark.parametrize(("type", "left", "right"), ONE_THING)
def test_one_name_written_in_two_ways_is_one_entity(type, left, right):
    assert len(in_one_document(type, left, right)) == 1
    assert len(across_documents(type, left, right)) == 1


LIKELY_ONE_THING = [
    ("person", "Bill Hartwell", "William Hartwell"),
    ("person", "Volodymyr Zelensky", "Volodymyr Zelenskyy"),
    ("person", "Muhammad Barzani", "Mohammed Barzani"),
    ("person", "Ada Lovelace", "Ada King Lovelace"),
    ("organization", "Saltmere Glasworks", "Saltmere Glassworks"),
    ("organization", "Northern Packet", "Northern Packet Holdings"),
    ("organization", "IBTM", "International Bureau of Tide Measurement"),
    ("place", "Constantinople", "Constantinpole"),
]


@pytest.mark.parametrize(("type", "left", "right"), LIKELY_ONE_THING)
def test_a_likely_variant_is_one_entity_if_embeddings_agree(type, left, right):
    assert len(across_documents(type, left, right, embed=agree)) == 1


TWO_THINGS = [
    ("person", "Mr. Darcy", "Miss Darcy"),
    ("person", "John Smith Jr.", "John Smith Sr."),
    ("person", "Martin Keller", "Martina Keller"),
    ("person", "Henry IV", "Henry VI"),
    ("organization", "Siemens AG", "Siemens GmbH"),
    ("organization", "Boeing 737", "Boeing 747"),
    ("place", "Slovakia", "Slovenia"),
    ("place", "Austria", "Australia"),
    ("gene", "BRCA1", "BRCA2"),
    ("gene", "C", "C++"),
    ("person", "Joan Smithson", "Jean Smithson"),
    ("person", "Erik Hansen", "Erik Hanson"),
    ("person", "Mario Rossi", "Maria Rossi"),
    ("person", "Alex Hartwell", "Alexandra Hartwell"),
    ("organization", "Sales 2019 Conference", "Sales 2020 Conference"),
    ("place", "Niger", "Nigeria"),
]


@pytest.mark.parametrize(("type", "left", "right"), TWO_THINGS)
def test_two_things_with_similar_names_stay_two(type, left, right):
    assert len(in_one_document(type, left, right)) == 2
    assert len(across_documents(type, left, right, embed=agree)) == 2


SHORT_FORMS = [
    ("person", "Lovelace", "Ada Lovelace"),
    ("person", "Ada", "Ada Lovelace"),
    ("person", "Countess Lovelace", "Ada King Lovelace"),
    ("person", "van Gogh", "Vincent van Gogh"),
    ("organization", "Commission", "Rivers Commission"),
    ("organization", "Butler", "Butler University"),
]


@pytest.mark.parametrize(("type", "short", "full"), SHORT_FORMS)
def test_a_document_may_shorten_a_name_but_the_short_name_means_nothing_elsewhere(
    type, short, full
):
    assert len(in_one_document(type, short, full)) == 1
    assert len(across_documents(type, short, full, embed=agree)) == 2


def test_a_short_name_that_could_mean_two_is_neither():
    found = in_one_document("person", "Ada Lovelace", "William Lovelace", "Lovelace")
    assert found == {
        frozenset({"Ada Lovelace"}),
        frozenset({"William Lovelace"}),
        frozenset({"Lovelace"}),
    }


def test_a_short_name_stands_for_another_full_name_in_each_document():
    found = entities(
        Name("a", "person", "Ada Lovelace"),
        Name("a", "person", "Lovelace"),
        Name("b", "person", "William Lovelace"),
        Name("b", "person", "Lovelace"),
    )
    assert found == {
        frozenset({("a", "Ada Lovelace"), ("a", "Lovelace")}),
        frozenset({("b", "William Lovelace"), ("b", "Lovelace")}),
    }


def test_an_acronym_explained_in_one_document_is_understood_in_the_others():
    found = entities(
        Name("a", "organization", "International Time Bureau"),
        Name("a", "organization", "ITB"),
        Name("b", "organization", "ITB"),
        Name("c", "organization", "International Time Bureau"),
    )
    assert len(found) == 1


def test_an_acronym_that_only_one_name_can_have_is_that_name_wherever_it_is_read():
    names = (
        Name("a", "organization", "International Bureau of Tide Measurement"),
        Name("b", "organization", "IBTM"),
        Name("c", "organization", "Acme Pumps"),
        Name("d", "organization", "AP"),
    )
    assert len(entities(*names)) == 3  # two letters may be anybody's


def test_what_could_mean_one_of_two_is_a_likely_question():
    texts = ("Ada Lovelace", "William Lovelace", "Lovelace")
    resolution = resolve([Name("a", "person", text) for text in texts], ONTOLOGY)
    assert [(d.kind, d.right.text, d.score) for d in resolution.decisions] == [
        ("keep apart", "Ada Lovelace", 0.45),
        ("keep apart", "William Lovelace", 0.45),
    ]


def test_a_title_decides_whom_a_surname_means():
    found = in_one_document("person", "Mr Okafor", "Mrs Okafor", "Mr Samuel Okafor")
    assert found == {frozenset({"Mr Okafor", "Mr Samuel Okafor"}), frozenset({"Mrs Okafor"})}


def test_an_acronym_explained_in_two_ways_is_left_alone_where_it_is_not_explained():
    found = entities(
        Name("a", "organization", "International Time Bureau"),
        Name("a", "organization", "ITB"),
        Name("b", "organization", "Iron Trade Bank"),
        Name("b", "organization", "ITB"),
        Name("c", "organization", "ITB"),
    )
    assert frozenset({("c", "ITB")}) in found
    assert len(found) == 3


def test_a_document_that_does_not_know_what_an_acronym_means_does_not_decide_for_others():
    names = (
        Name("a", "organization", "International Time Bureau"),
        Name("a", "organization", "ITB"),
        Name("b", "organization", "International Time Bureau"),
        Name("b", "organization", "International Time Bureaux"),
        Name("b", "organization", "ITB"),
        Name("c", "organization", "ITB"),
    )
    assert any({("a", "ITB"), ("c", "ITB")} <= cluster for cluster in entities(*names))


def test_what_one_document_tells_apart_stays_apart_in_all():
    names = (
        Name("a", "company", "Acme AG"),
        Name("a", "company", "Acme GmbH"),
        Name("b", "company", "Acme"),
    )
    assert len(entities(*names, embed=agree)) == 2


def test_a_description_is_understood_only_in_its_document():
    found = in_one_document("organization", "Road Safety Directorate", "the directorate")
    assert len(found) == 1
    resolution = resolve([Name("a", "organization", "the directorate")], ONTOLOGY)
    assert (resolution.clusters, len(resolution.left_out)) == ((), 1)


def test_a_concept_may_have_a_common_name():
    assert across_documents("gene", "the receptor", "receptor") == {
        frozenset({"the receptor", "receptor"})
    }


def test_a_legal_form_tells_what_the_type_does_not():
    ontology = Ontology.parse("name: x\nentities: [stakeholder]\n")
    texts = ("Acme Pumps", "Acme Pumps Ltd", "Acme Pumps Limited")
    clusters = resolve([Name("a", "stakeholder", text) for text in texts], ontology).clusters
    assert len(clusters) == 1


def test_a_title_with_one_word_is_a_name_of_its_own():
    assert len(in_one_document("person", "Queen Victoria", "Victoria")) == 1
    assert len(across_documents("person", "Queen Victoria", "Victoria", embed=agree)) == 2


def test_other_spellings_of_a_short_name_are_bound_to_the_document_too():
    names = (
        Name("a", "person", "Adele Zelenskyy"),
        Name("a", "person", "Zelenskyy"),
        Name("a", "person", "Zelensky"),
        Name("b", "person", "Zelensky"),
    )
    found = entities(*names, embed=agree)
    assert sorted(len(cluster) for cluster in found) == [1, 3]


def test_father_and_son_stay_two_although_one_name_fits_both():
    found = in_one_document("person", "Paul Weir Jr.", "Paul Weir Sr.", "Paul Weir", "Paul")
    assert not any({"Paul Weir Jr.", "Paul Weir Sr."} <= cluster for cluster in found)


def test_what_is_likely_is_merged_across_documents_only_if_embeddings_agree():
    vowels = ("Shamira Mahmudi", "Shamira Mahmoodi", "Shamira Mehmudi")
    assert len(across_documents("person", *vowels, embed=agree)) == 1
    assert len(across_documents("person", *vowels)) == 2


HARD = [
    ("person", "Okafor, C.E.", "Chidi Emmanuel Okafor"),
    ("person", "Bragwell WH", "Walter Henry Bragwell"),
    ("person", "Billy Hartwell", "William Henry Hartwell"),
    ("person", "Pjotr Tschaikowski", "Pyotr Tchaikovsky"),
    ("person", "Muhammad al-Zafar", "Mohammed Zafar"),
    ("person", "Zhao Wei-Ling", "Wei-Ling Zhao"),
    ("organization", "Tartu University", "University of Tartu"),
    ("organization", "Ministry of Labor", "Ministry of Labour"),
    ("organization", "Siemens", "Siemens Aktiengesellschaft"),
    ("place", "Burma", "Myanmar"),
    ("place", "UK", "United Kingdom"),
    ("gene", "protein kinases", "protein kinase"),
]


@pytest.mark.parametrize(("type", "left", "right"), HARD)
def test_hard_names_are_one_entity(type, left, right):
    assert len(across_documents(type, left, right, embed=agree)) == 1


def test_what_people_say_of_two_spellings_leaves_a_thing_its_name():
    names = [Name("a", "place", text) for text in ("United States", "US")]
    judgement = Judgement(1, True, frozenset({names[0].key}), frozenset({names[1].key}))

    [cluster] = resolve(names, ONTOLOGY, judgements=[judgement]).clusters
    assert (cluster.name, cluster.aliases) == ("United States", ("US",))


def test_types_must_be_compatible_and_the_most_specific_is_kept():
    names = (
        Name("a", "organization", "Acme", 5),
        Name("b", "company", "Acme"),
        Name("c", "person", "Acme"),
    )
    clusters = resolve(names, ONTOLOGY).clusters
    assert [(c.type, len(c.names)) for c in clusters] == [("company", 2), ("person", 1)]


def test_an_entity_never_has_two_types_that_exclude_each_other():
    names = (
        Name("a", "organization", "Acme"),
        Name("b", "company", "Acme"),
        Name("c", "charity", "Acme"),
    )
    types = [{name.type for name in c.names} for c in resolve(names, ONTOLOGY).clusters]
    assert sorted(map(sorted, types)) == [["charity", "organization"], ["company"]]


def test_the_canonical_name_is_a_full_name_that_most_documents_use():
    [cluster] = resolve(
        (
            Name("a", "person", "Ada Lovelace"),
            Name("a", "person", "Lovelace", 20),
            Name("b", "person", "Ada Lovelace"),
            Name("b", "person", "Dr. Ada Lovelace"),
        ),
        ONTOLOGY,
    ).clusters
    assert (cluster.name, cluster.aliases) == ("Ada Lovelace", ("Dr. Ada Lovelace", "Lovelace"))


def test_a_name_wrapped_over_two_lines_is_spelled_in_one():
    names = (
        Name("a", "organization", "the\n  Royal\tSociety", 9),
        Name("b", "organization", "The Royal Society"),
        Name("b", "organization", "the\nsociety"),
    )
    [cluster] = resolve(names, ONTOLOGY).clusters
    assert cluster.names == names
    assert cluster.name == "the Royal Society"
    assert cluster.aliases == ("The Royal Society", "the society")


def test_a_description_wrapped_over_two_lines_names_nothing():
    resolution = resolve([Name("a", "organization", "the\ncompany")], ONTOLOGY)
    assert (resolution.clusters, len(resolution.left_out)) == ((), 1)


def test_pronouns_and_signs_are_left_out_but_names_that_look_like_pronouns_are_not():
    texts = ("she", "They", "—", "", "WHO", "IT", "US")
    resolution = resolve([Name("a", "organization", text) for text in texts], ONTOLOGY)
    assert {name.text for name in resolution.left_out} == {"she", "They", "—", ""}
    assert {c.name for c in resolution.clusters} == {"WHO", "IT", "US"}


def test_every_merge_has_a_reason():
    resolution = resolve(
        [Name("letters.txt", "person", "Ada Lovelace"), Name("letters.txt", "person", "Lovelace")],
        ONTOLOGY,
    )
    [decision] = resolution.decisions
    names = (decision.left.text, decision.right.text)
    assert (decision.kind, names) == ("merge", ("Lovelace", "Ada Lovelace"))
    assert decision.reason == "part of the full name in letters.txt"


WORDS = "Ada Lovelace Charles Babbage Jr. Dr. Acme Systems Inc. GmbH ACS ITB of the 1 II".split()
NAMES = st.builds(
    Name,
    st.sampled_from(["a", "b", "c", "d"]),
    st.sampled_from(["person", "organization", "company", "charity"]),
    st.builds(
        str.join,
        st.sampled_from([" ", "\n"]),
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=4),
    ),
    st.integers(1, 3),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(NAMES, max_size=25).flatmap(lambda n: st.tuples(st.just(n), st.permutations(n))))
def test_the_order_of_names_does_not_matter(lists):
    names, shuffled = lists
    assert resolve(shuffled, ONTOLOGY, embed=agree) == resolve(names, ONTOLOGY, embed=agree)


@settings(max_examples=200, deadline=None)
@given(st.lists(NAMES, max_size=25))
def test_every_name_is_in_one_cluster_whose_types_are_compatible(names):
    resolution = resolve(names, ONTOLOGY, embed=agree)
    assert names_of(resolution) == sorted({(n.document_id, n.type, n.text) for n in names})
    for cluster in resolution.clusters:
        types = {name.type for name in cluster.names}
        assert all(ONTOLOGY.compatible(a, b) for a in types for b in types)
        assert cluster.name in {name.spelling for name in cluster.names}


@settings(max_examples=100, deadline=None)
@given(st.lists(NAMES, max_size=20))
def test_documents_about_other_things_change_nothing(names):
    other = [Name("z", "place", "Ouagadougou"), Name("z", "gene", "FOXP2")]
    alone, together = (resolve(list_, ONTOLOGY).clusters for list_ in (names, names + other))
    assert set(alone) == set(together) - set(resolve(other, ONTOLOGY).clusters)


def names_of(resolution: Resolution) -> list[tuple[str, str, str]]:
    places = defaultdict(int)
    for cluster in resolution.clusters:
        for name in cluster.names:
            places[name.document_id, name.type, name.text] += 1
    assert set(places.values()) <= {1}
    left = [(name.document_id, name.type, name.text) for name in resolution.left_out]
    return sorted([*places, *left])
