"""Records as document-level systems are asked about them."""

import numpy as np
import pytest

from kgbuild.errors import DocumentError
from kgbuild.training.data import parse_record
from kgbuild.training.documents import draw, given, labels_of, tasks

TEXT = "Ada works with Charles in London"
RAW = {
    "id": "1",
    "text": TEXT,
    "entities": [
        {"type": "person", "mentions": [[0, 3]]},
        {"type": "person", "mentions": [[15, 22]]},
        {"type": "city", "mentions": [[26, 32]]},
    ],
    "relations": [
        {"head": 0, "type": "works with", "tail": 1},
        {"head": 0, "type": "friend of", "tail": 1},
        {"head": 1, "type": "lives in", "tail": 2},
    ],
}


def record(**changes):
    return parse_record(RAW | changes, "made")


def test_a_task_asks_for_all_relation_types_of_all_pairs():
    [task] = tasks([record()])
    assert task.document == given(record())
    assert task.labels.names == ("friend of", "lives in", "works with")
    assert task.pairs.tolist() == [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]]
    assert task.targets.nonzero().tolist() == [[0, 0], [0, 2], [3, 1]]


def test_where_annotation_is_not_exhaustive_only_pairs_that_it_speaks_of_are_asked_about():
    [task] = tasks([record(exhaustive_re=False, negative_pair=[0, 2])])
    assert task.pairs.tolist() == [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]]
    [task] = tasks([record(exhaustive_re=False)])
    assert task.pairs.tolist() == [[0, 1], [1, 0], [1, 2], [2, 1]]


def test_each_source_has_its_own_relation_types_with_their_descriptions():
    other = record(
        source="other", relations=[], relation_types={"met": {"description": "saw each other"}}
    )
    first, second = tasks([record(), other])
    assert len(first.labels.names) == 3
    assert (second.labels.names, second.labels.descriptions) == (("met",), ("saw each other",))
    assert labels_of([record(), other]).names == ("friend of", "lives in", "met", "works with")


def test_unrelated_pairs_are_sampled_for_each_related_one():
    [task] = tasks([record()])
    chance = np.random.default_rng(0)
    pairs, targets = task.sample(1, chance)
    assert targets.any(dim=1).tolist().count(True) == 2
    assert len(pairs) == 4
    assert len(task.sample(None, chance)[0]) == 6
    [without] = tasks([record(relations=[])], task.labels)
    assert len(without.sample(1, chance)[0]) == 1


def test_where_every_pair_is_costly_few_are_sampled_of_both_kinds():
    [task] = tasks([record()])
    chance = np.random.default_rng(0)
    pairs, targets = task.sample(1, chance, most=2)
    assert targets.any(dim=1).tolist().count(True) == 1
    assert len(pairs) == 2
    [without] = tasks([record(relations=[])], task.labels)
    assert len(without.sample(3, chance, most=2)[0]) == 2


def test_text_without_entities_is_a_task_of_no_pairs():
    [task] = tasks([record(entities=[], relations=[])])
    assert task.pairs.shape == (0, 2)
    assert task.targets.shape == (0, 0)


@pytest.mark.parametrize(
    ("changes", "labels", "complaint"),
    [
        ({"entities": [{"type": "city", "mentions": []}], "relations": []}, None, "no mentions"),
        ({}, labels_of([record(relations=RAW["relations"][:1])]), "'friend of' is not asked for"),
    ],
)
def test_what_cannot_be_asked_is_refused(changes, labels, complaint):
    with pytest.raises(DocumentError, match=complaint):
        tasks([record(**changes)], labels)


def test_a_draw_of_more_contains_the_draw_of_fewer():
    records = [record(id=str(i)) for i in range(20)]
    few, more = draw(records, 3, seed=1), draw(records, 10, seed=1)
    assert more[:3] == few
    assert draw(records, 3, seed=2) != few
