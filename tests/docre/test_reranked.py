"""A second look at what a system is unsure of."""

import pytest
import torch
from tokenizers import Tokenizer

from kgbuild.errors import ModelError
from kgbuild.models.docre import build
from kgbuild.models.docre.documents import PairScores, RelationLabels
from kgbuild.models.docre.reranked import Reranked, unsure
from kgbuild.models.docre.scoring import RelationSystem

# Of three pairs and as many labels: unsure, sure that there is none, sure that there is one.
ODDS = [[0.5, -0.5, -1.0], [-3.0, -6.0, -4.0], [5.0, 0.1, -1.0]]


class Told(RelationSystem):
    """Gives the scores that it was told."""

    system, open_labels = "told", True

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(logits)

    def forward(self, documents, pairs, labels):
        return [PairScores(self.logits, torch.zeros(len(self.logits)))]

    def loss(self, scores, targets):
        return scores[0].logits.sum()


@pytest.fixture
def second(transformer, tokenizer: Tokenizer, labels: RelationLabels) -> RelationSystem:
    torch.manual_seed(3)
    return build("adapted-predicates", transformer, tokenizer, labels, {}).eval()


def test_only_likely_labels_of_uncertain_pairs_are_looked_at() -> None:
    odds = torch.tensor([[0.5, -0.5, -1.0, -2.0, -3.0], [2.5, 0.1, 0.0, 0.0, 0.0]])
    assert unsure(odds).tolist() == [[True, True, True, True, False], [False] * 5]
    assert unsure(torch.zeros(0, 3)).shape == (0, 3)


def test_what_is_found_is_mixed_with_what_was_found_before(second, labels, documents) -> None:
    odds, pairs = torch.tensor(ODDS), documents[0].pairs[:3]
    again = second.compare(documents[0], pairs[:1], labels, torch.ones(1, 3).bool())
    found = Reranked(Told(odds), second).odds(documents[0], pairs, labels)
    torch.testing.assert_close(found[0], (odds[0] + again[0]) / 2)
    assert torch.equal(found[1:], odds[1:])


def test_what_an_ontology_forbids_is_not_looked_at(second, labels, documents) -> None:
    odds, pairs = torch.tensor(ODDS[:1] * 2), documents[0].pairs[:2]
    allowed = torch.tensor([[0, 1, 1], [0, 0, 0]]).bool()
    found = Reranked(Told(odds), second).odds(documents[0], pairs, labels, allowed)
    assert torch.equal(found != odds, allowed)


def test_nothing_uncertain_is_no_trouble(second, labels, documents) -> None:
    certain = torch.full((12, 3), -9.0)
    found = Reranked(Told(certain), second).odds(documents[0], documents[0].pairs, labels)
    assert torch.equal(found, certain)


def test_only_adapted_predicates_look_again(second) -> None:
    with pytest.raises(ModelError, match="told does not look again"):
        Reranked(second, Told(torch.zeros(1, 1)))
