"""The official score of DocRED, on answers that are made by hand."""

import pytest
import torch

from kgbuild.evaluation.documents import FACTS, UNSEEN, compare, measure_system
from kgbuild.evaluation.facts import facts_of
from kgbuild.evaluation.scores import score
from kgbuild.models.docre.documents import PairScores
from kgbuild.models.docre.scoring import RelationSystem
from kgbuild.training.data import parse_record
from kgbuild.training.documents import tasks

# 0 Ada, also Lovelace; 1 Charles; 2 London
RECORD = parse_record(
    {
        "text": "Ada works with Charles in London. Lovelace lives there.",
        "entities": [
            {"type": "person", "mentions": [[0, 3], [34, 42]]},
            {"type": "person", "mentions": [[15, 22]]},
            {"type": "city", "mentions": [[26, 32]]},
        ],
        "relations": [
            {"head": 0, "type": "works with", "tail": 1},
            {"head": 1, "type": "works with", "tail": 0},
            {"head": 0, "type": "lives in", "tail": 2},
            {"head": 1, "type": "lives in", "tail": 2},
        ],
    },
    "made",
)
ADA_IN_LONDON, CHARLES_IN_LONDON = ("lives in", 0, 2), ("lives in", 1, 2)
TOGETHER, WRONG = ("works with", 0, 1), ("lives in", 2, 0)


def scored(found, seen=None):
    return score([compare(RECORD, frozenset(found), seen).counts])


def test_a_fact_is_right_or_wrong_whatever_pairs_have_none():
    result = scored([ADA_IN_LONDON, TOGETHER, WRONG])
    assert (result.precision, result.recall) == (2 / 3, 2 / 4)
    assert result.f1 == pytest.approx(4 / 7)


def test_the_direction_counts():
    assert scored([("lives in", 2, 1)]).f1 == 0


def test_nothing_found_scores_nothing():
    assert scored([]).f1 == 0


def test_what_the_training_texts_say_is_taken_out_of_precision_and_not_of_recall():
    # Another text knows by another of her names that Ada lives in London.
    known = parse_record(
        {
            "text": "Lovelace in London",
            "entities": [
                {"type": "person", "mentions": [[0, 8]]},
                {"type": "city", "mentions": [[12, 18]]},
            ],
            "relations": [{"head": 0, "type": "lives in", "tail": 1}],
        },
        "made",
    )
    result = scored([ADA_IN_LONDON, CHARLES_IN_LONDON, WRONG], facts_of([known]))
    assert (result.precision, result.recall) == (1 / 2, 2 / 4)
    wrong_as_before = scored([WRONG, ADA_IN_LONDON], facts_of([known]))
    assert (wrong_as_before.precision, wrong_as_before.recall) == (0, 1 / 4)


class Told(RelationSystem):
    """Gives the scores that it was told."""

    system, open_labels = "told", True

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.tensor(logits))

    def forward(self, documents, pairs, labels):
        return [PairScores(self.logits, torch.zeros(len(self.logits)))]

    def loss(self, scores, targets):
        return scores[0].logits.sum()


# Pairs 0→1, 0→2, 1→0, 1→2, 2→0, 2→1, for `lives in` and `works with`.
LOGITS = [[-1.0, 2.0], [0.5, -1.0], [-1.0, -1.0], [-1.0, -1.0], [0.2, -1.0], [-1.0, -1.0]]


def test_a_system_is_asked_about_every_pair():
    result = measure_system(Told(LOGITS), tasks([RECORD]), name="made", seen=frozenset())
    assert result.scores.keys() == {FACTS, UNSEEN}
    assert result.scores[FACTS] == scored([TOGETHER, ADA_IN_LONDON, WRONG])
    assert result.by_type[FACTS]["works with"].precision == 1


def test_a_shift_of_the_margins_moves_what_is_predicted():
    system = Told(LOGITS)
    system.shift = 0.3
    result = measure_system(system, tasks([RECORD]), name="made")
    assert result.scores[FACTS].precision == 1


def test_of_one_pair_at_most_four_relations_are_predicted():
    scores = PairScores(torch.tensor([[5.0, 4.0, 3.0, 2.0, 1.0]]), torch.zeros(1))
    assert Told(LOGITS).decide(scores).tolist() == [[True, True, True, True, False]]
