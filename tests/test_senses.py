"""Namesakes: what documents say around a name tells things of this name apart."""

import numpy as np
import pytest

from kgbuild.ontology import Ontology
from kgbuild.resolution import Name, resolve

ONTOLOGY = Ontology.parse("{entities: [person, place, company], relations: {}}")


def topics(texts) -> np.ndarray:
    """Embeddings that know two topics: football and physics."""
    words = (("football", "goal", "team"), ("physics", "electron", "laboratory"))
    rows = [[sum(word in text for word in topic) + 1e-3 for topic in words] for text in texts]
    vectors = np.array(rows, dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def passages(type: str, *passages: str, embed=topics) -> list[set[str]]:
    """Documents that are in one cluster, for passages in which a name stands in brackets."""
    names = []
    for number, passage in enumerate(passages):
        before, name, after = passage.replace("]", "[").split("[")
        names.append(Name(f"{number}", type, name, context=before + name + after))
    clusters = resolve(names, ONTOLOGY, embed=embed).clusters
    return [{name.document_id for name in cluster.names} for cluster in clusters]


def test_namesakes_are_told_apart_by_what_is_said_around_them():
    found = passages(
        "person",
        "[Ann Weir] shot the goal that the team needed.",
        "The electron was weighed by [Ann Weir] at last.",
        "A football coach praised [Ann Weir] after the goal.",
    )
    assert found == [{"0", "2"}, {"1"}]


def test_a_long_name_is_one_persons_whatever_is_said_around_it():
    found = passages(
        "person",
        "[Ann Mary Weir] shot the goal that the team needed.",
        "The electron was weighed by [Ann Mary Weir] at last.",
    )
    assert found == [{"0", "1"}]


def test_people_born_in_different_years_are_two():
    born = ("[Ann Weir], born in 1802, was there.", "[Ann Weir] (1979–) was not there.")
    assert passages("person", *born, embed=None) == [{"0"}, {"1"}]


@pytest.mark.parametrize(
    "other",
    [
        "In [Newtown], a town in Kansas, it rained.",
        "It rained around [Newtown] in north-east Texas.",
        "[Newtown] is the second city of Ireland.",
        "Rain fell on [Newtown], Australia.",
    ],
)
def test_places_in_different_states_or_countries_are_two(other):
    assert passages("place", "In [Newtown], Ohio, it rained.", other) == [{"0"}, {"1"}]


def test_passages_of_other_names_do_not_matter():
    """Passages around long names are not compared, whoever else has the same passage."""
    since = [
        Name(id, "company", "Business Machines", 1, "Business Machines made typewriters there.",
             values=frozenset({("founded on", date)}))
        for id, date in (("a", "1815"), ("b", "1955"))
    ]  # fmt: skip
    others = [Name(id, "company", "Globex", 1, "Globex made typewriters there.") for id in "cd"]

    clusters = resolve([*since, *others], ONTOLOGY, embed=topics).clusters
    assert [len(cluster.names) for cluster in clusters] == [1, 1, 2]


def test_a_list_of_places_says_nothing_of_where_they_are():
    texts = "From [Newtown], France and Spain came rain.", "In [Newtown], Ohio, it rained."
    assert passages("place", *texts) == [{"0", "1"}]


def test_what_shares_a_neighbour_is_one_in_whatever_context():
    texts = ("[Ann Weir] shot the goal that the team needed.", "The electron of [Ann Weir] moved.")
    names = [
        Name(f"{i}", "person", "Ann Weir", context=text, neighbours=frozenset({"acme"}))
        for i, text in enumerate(texts)
    ]
    assert len(resolve(names, ONTOLOGY, embed=topics).clusters) == 1


def test_a_property_with_two_values_tells_two_things_apart():
    names = [
        Name(f"{i}", "company", "Acme", values=frozenset({("founded on", date)}))
        for i, date in enumerate(("1815", "1815-12-10", "1990"))
    ]
    resolution = resolve(names, ONTOLOGY)
    assert [len(cluster.names) for cluster in resolution.clusters] == [2, 1]
    [decision] = resolution.decisions
    assert decision.kind == "keep apart"
    assert decision.reason.startswith("same name, but founded on: 1815")
