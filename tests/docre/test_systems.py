"""What is true of every document-level system."""

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer

from kgbuild.errors import ModelError
from kgbuild.models.docre import SYSTEMS, build
from kgbuild.models.docre.documents import GivenDocument, PairScores, RelationLabels
from kgbuild.models.docre.saving import load_system, save_system
from kgbuild.models.docre.scoring import RelationSystem

SMALL: dict[str, dict[str, Any]] = {
    "atlop": {"pair_width": 64},
    "kd-docre": {"pair_width": 64, "layers": 2, "heads": 4},
    "glidre": {"width": 32},
}
"""Options that make a system small enough to be tried in a moment."""
LABELS_STAND_IN_A_ROW = {"relex"}  # in front of the text, where each changes the others


def kind(name: str) -> type[RelationSystem]:
    found: type[RelationSystem] = getattr(
        import_module(f"kgbuild.models.docre.{name.replace('-', '_')}"), SYSTEMS[name]
    )
    return found


NAMES = [name for name in SYSTEMS if find_spec(f"kgbuild.models.docre.{name.replace('-', '_')}")]


@pytest.fixture(params=NAMES)
def system(
    request: pytest.FixtureRequest, transformer, tokenizer: Tokenizer, labels: RelationLabels
) -> RelationSystem:
    name: str = request.param
    torch.manual_seed(3)
    known = None if kind(name).open_labels else labels
    return build(name, transformer, tokenizer, known, SMALL.get(name, {})).eval()


def score(
    system: RelationSystem, documents: Sequence[GivenDocument], labels: RelationLabels
) -> list[PairScores]:
    with torch.inference_mode():
        return system(documents, [one.pairs for one in documents], labels)


def assert_same(found: PairScores, expected: PairScores) -> None:
    torch.testing.assert_close(found.logits, expected.logits, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(found.threshold, expected.threshold, atol=2e-5, rtol=1e-4)


def test_every_pair_has_a_logit_for_every_label_and_a_threshold(system, documents, labels) -> None:
    scores = score(system, documents, labels)
    assert [tuple(one.logits.shape) for one in scores] == [(12, 3), (2, 3), (0, 3)]
    assert [tuple(one.threshold.shape) for one in scores] == [(12,), (2,), (0,)]


def test_a_document_without_entities_or_text_has_no_pairs(system, labels) -> None:
    for text in ("In London.", ""):
        (scores,) = score(system, [GivenDocument(text, ())], labels)
        assert scores.logits.shape == (0, 3)


def test_a_batch_scores_what_its_documents_score_alone(system, documents, labels) -> None:
    together = score(system, documents, labels)
    for one, scores in zip(documents, together, strict=True):
        (alone,) = score(system, [one], labels)
        assert_same(scores, alone)


def test_a_pair_scores_the_same_whichever_others_are_asked_for(system, documents, labels) -> None:
    (every,) = score(system, documents[:1], labels)
    which = torch.tensor([7, 2])
    with torch.inference_mode():
        (some,) = system(documents[:1], [documents[0].pairs[which]], labels)
    assert_same(some, PairScores(every.logits[which], every.threshold[which]))


def test_order_and_choice_of_labels_are_those_of_the_columns(system, documents, labels) -> None:
    if system.system in LABELS_STAND_IN_A_ROW:
        pytest.skip("labels are read in their order")
    order = [2, 0]
    chosen = RelationLabels(
        tuple(labels.names[i] for i in order), tuple(labels.descriptions[i] for i in order)
    )
    before, after = score(system, documents, labels), score(system, documents, chosen)
    for one, other in zip(before, after, strict=True):
        assert_same(other, PairScores(one.logits[:, order], one.threshold))


def test_heads_are_not_tails(system, documents, labels) -> None:
    (scores,) = score(system, documents[1:2], labels)
    assert not torch.allclose(scores.margins[0], scores.margins[1])


def test_a_closed_system_refuses_other_labels(system, documents, labels) -> None:
    if system.open_labels:
        pytest.skip("takes any labels")
    with pytest.raises(ModelError, match=f"{system.system} .* 3 relation types, 'owns' is not one"):
        score(system, documents, replace(labels, names=("owns", *labels.names[1:])))


def test_a_closed_system_cannot_be_built_without_labels(transformer, tokenizer) -> None:
    for name in NAMES:
        if not kind(name).open_labels:
            with pytest.raises(ModelError, match=f"{name} needs the relation types"):
                build(name, transformer, tokenizer, None, {})


def test_one_batch_can_be_learned_by_heart(system, documents, labels, targets) -> None:
    def learned() -> bool:
        # `eval` is what makes a system forget the vectors of labels that it has kept.
        found = [system.decide(one) for one in score(system.eval(), documents, labels)]
        return all(torch.equal(f, t.bool()) for f, t in zip(found, targets, strict=True))

    pairs = [one.pairs for one in documents]
    optimizer = torch.optim.AdamW([p for p in system.parameters() if p.requires_grad], lr=1e-3)
    losses = []
    for _ in range(20):
        for _ in range(10):  # in evaluation mode: dropout would only make it take longer
            loss = system.loss(system(documents, pairs, labels), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if learned():
            break
    assert learned()
    assert losses[-1] < losses[0] / 2


def test_documents_without_pairs_can_be_learned_from(system, documents, labels, targets) -> None:
    loss = system.loss(system(documents[2:], [documents[2].pairs], labels), targets[2:])
    assert torch.isfinite(loss)


def test_gradients_are_finite(system, documents, labels, targets) -> None:
    loss = system.loss(system(documents, [one.pairs for one in documents], labels), targets)
    loss.backward()
    for name, weight in system.named_parameters():
        if weight.grad is not None:
            assert torch.isfinite(weight.grad).all(), name


def test_what_is_saved_is_found_again(system, tokenizer, documents, labels, tmp_path: Path) -> None:
    system.shift, system.temperature = 0.25, 1.5
    before = score(system, documents, labels)
    save_system(tmp_path, system, tokenizer)
    again = load_system(tmp_path)
    for one, other in zip(before, score(again, documents, labels), strict=True):
        assert torch.equal(one.logits, other.logits)
        assert torch.equal(one.threshold, other.threshold)
        assert torch.equal(system.log_odds(one), again.log_odds(other))
    assert (again.system, again.known) == (system.system, system.known)
    assert again.options == system.options
