from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer

from kgbuild.models.docre.adapted_predicates import (
    AdaptedPredicates,
    Options,
    fill,
    template,
)
from kgbuild.models.docre.document_encoder import DocumentEncoder
from kgbuild.models.docre.documents import PairScores, RelationLabels
from kgbuild.models.docre.marked_pairs import PairMarker, excerpts, nearest
from kgbuild.models.docre.objectives import single_label_loss
from kgbuild.models.docre.scoring import best_of_each


@pytest.fixture
def encoder(transformer, tokenizer: Tokenizer) -> DocumentEncoder:
    return DocumentEncoder(transformer, tokenizer)


def make(transformer, tokenizer, labels, **options) -> AdaptedPredicates:
    torch.manual_seed(3)
    return AdaptedPredicates(transformer, tokenizer, labels, Options(**options)).eval()


# --- texts of pairs


def test_head_and_tail_stand_between_markers_that_tell_their_types(encoder, given) -> None:
    document = given("Ada lived in London.", ("Ada",), ("London",))
    (pair,) = PairMarker(encoder, 64)(document, torch.tensor([[0, 1]]))
    shown = encoder.ids("@ * entity * Ada @ lived in # ^ entity ^ London #.")
    assert pair.text == shown
    assert pair.at == (0, shown.index(encoder.ids("#")[0]))
    assert pair.mentions == (
        encoder.ids("@ * entity * Ada @"),
        encoder.ids("# ^ entity ^ London #"),
    )


def test_the_mentions_that_are_nearest_are_marked() -> None:
    assert nearest([(0, 1), (10, 11)], [(30, 30), (12, 13)]) == ((10, 11), (12, 13))
    assert nearest([(5, 9)], [(7, 7), (10, 10)]) == ((5, 9), (7, 7))  # one inside of the other


def test_what_is_shown_surrounds_both_mentions() -> None:
    assert excerpts(((10, 12), (16, 19)), length=100, room=20) == [(5, 25)]
    assert excerpts(((0, 2), (6, 9)), length=100, room=20) == [(0, 20)]
    assert excerpts(((90, 92), (97, 99)), length=100, room=20) == [(80, 100)]
    assert excerpts(((2, 3), (6, 7)), length=9, room=20) == [(0, 9)]


def test_mentions_far_from_each_other_are_shown_in_two_excerpts() -> None:
    assert excerpts(((80, 81), (10, 11)), length=100, room=20) == [(6, 16), (76, 86)]


def test_no_text_is_longer_than_there_is_room_and_no_mention_is_lost(encoder, given) -> None:
    text = "Ada lived here. " + "Nobody knows why. " * 60 + "It was in London."
    document = given(text, ("Ada",), ("London",))
    for pair in PairMarker(encoder, 64)(document, document.pairs):
        assert len(pair.text) <= 64
        for at, mention in zip(pair.at, pair.mentions, strict=True):
            assert pair.text[at : at + len(mention)] == mention


# --- descriptions


def test_a_description_with_slots_is_the_template() -> None:
    assert template("author", "{tail} was written by {head}.") == "{tail} was written by {head}."
    assert template("works for", "Who pays whom.") == "{head} works for {tail}. Who pays whom."
    assert template("works for", "") == "{head} works for {tail}."
    assert template("works for", "Who pays {head}.") == "{head} works for {tail}. Who pays ."


def test_mentions_fill_the_slots() -> None:
    assert fill([1, [7, 8], 0, [9], 0], ([1, 2], [3])) == ([3, 7, 8, 1, 2, 9, 1, 2], (3, 0))


# --- scores


def test_only_descriptions_that_the_classifier_likes_are_read(
    transformer, tokenizer, labels, documents
) -> None:
    system = make(transformer, tokenizer, labels, most_labels=1)
    with torch.no_grad():
        (scores,) = system(documents[:1], [documents[0].pairs], labels)
    assert scores.compared.sum(dim=1).tolist() == [1] * 12
    liked = (scores.classes[:, 1:] - scores.classes[:, :1]).argmax(dim=1)
    assert scores.compared[torch.arange(12), liked].all()
    assert (scores.margins[~scores.compared] <= -system.options.sure).all()


def test_nothing_is_read_of_what_the_classifier_is_sure(
    transformer, tokenizer, labels, documents
) -> None:
    system = make(transformer, tokenizer, labels)
    system.classifier.bias.data[0] = 50.0
    with torch.no_grad():
        (scores,) = system(documents[:1], [documents[0].pairs], labels)
    assert not scores.compared.any()
    assert not system.decide(scores).any()


def test_similarities_are_cosines_of_the_text_and_the_filled_description(
    transformer, tokenizer, given
) -> None:
    labels = RelationLabels(("lives in",), ("",))
    system = make(transformer, tokenizer, labels)
    document = given("Ada lived in London.", ("Ada",), ("London",))
    with torch.no_grad():
        (scores,) = system([document], [torch.tensor([[0, 1]])], labels)

    def states(encoder: DocumentEncoder, text: str) -> torch.Tensor:
        ids = encoder.assemble(encoder.ids(text))
        at = [ids.tolist().index(encoder.ids(marker)[0]) for marker in ("@", "#")]
        return encoder.transformer(ids[None])[0][0][[0, *at]]

    texts = states(system.encoder, "@ * entity * Ada @ lived in # ^ entity ^ London #.")
    x = system.norm(system.of_text(texts[1:].flatten()))
    for text, found in (
        ("@ * entity * Ada @ lives in # ^ entity ^ London #.", scores.logits[0, 0]),
        ("@ * entity * Ada @ has no relation to # ^ entity ^ London #.", scores.threshold[0]),
    ):
        read = states(system.descriptions, text)
        y = system.norm(system.of_label(torch.cat([read[1:].flatten(), texts[0]])))
        torch.testing.assert_close(found, torch.cosine_similarity(x, y, dim=0) / 0.07)


def test_the_scale_stays_below_a_hundred(transformer, tokenizer, labels, documents) -> None:
    system = make(transformer, tokenizer, labels)
    system.log_scale.data.fill_(20.0)
    with torch.no_grad():
        (scores,) = system(documents[:1], [documents[0].pairs], labels)
    assert scores.threshold.abs().max() <= 100.001


def test_one_relation_of_a_pair_is_predicted_where_there_is_one_at_the_most(
    transformer, tokenizer, labels
) -> None:
    system = make(transformer, tokenizer, labels, several=False)
    scores = PairScores(torch.tensor([[1.0, 3.0, 2.0], [1.0, 3.0, 2.0]]), torch.tensor([0.0, 4.0]))
    assert system.decide(scores).tolist() == [[False, True, False], [False, False, False]]


def test_the_loss_is_shared_by_classifier_and_descriptions(
    transformer, tokenizer, labels, documents, targets
) -> None:
    losses = {}
    for alpha in (0.0, 0.5, 1.0):
        system = make(transformer, tokenizer, labels, alpha=alpha, several=False)
        losses[alpha] = system.loss(
            system(documents[1:2], [documents[1].pairs], labels), targets[1:2]
        )
    (scores,) = system(documents[1:2], [documents[1].pairs], labels)
    wanted = torch.tensor([3, 0])  # Babbage lives in London, London nowhere
    torch.testing.assert_close(
        losses[1.0], torch.nn.functional.cross_entropy(scores.classes, wanted)
    )
    torch.testing.assert_close(losses[0.5], (losses[0.0] + losses[1.0]) / 2)


def test_labels_that_it_was_not_trained_for_can_be_compared(
    transformer, tokenizer, labels, documents
) -> None:
    system, wanted = make(transformer, tokenizer, labels), torch.ones(12, 3).bool()
    own = system.compare(documents[0], documents[0].pairs, labels, wanted)
    other = replace(labels, names=("fears", "owns", "knows"))
    assert own.isfinite().all()
    assert not torch.equal(system.compare(documents[0], documents[0].pairs, other, wanted), own)


@pytest.mark.parametrize("kind", [torch.long, torch.bool, torch.float])
def test_no_relation_is_no_relation_whatever_numbers_say_so(kind) -> None:
    sure_of_none = PairScores(torch.zeros(1, 3), torch.tensor([5.0]))
    assert single_label_loss(sure_of_none, torch.zeros(1, 3, dtype=kind)) < 0.1


def test_the_best_of_each_row() -> None:
    values = torch.tensor([[1.0, 3.0, 2.0]])
    assert best_of_each(values, 2).tolist() == [[False, True, True]]
    assert best_of_each(values, 9).all()
