"""The joint model's relation head on given mentions."""

import numpy as np
import pytest
import torch

from kgbuild.models import load_model, model_folder
from kgbuild.models.docre.documents import GivenDocument, GivenEntity, RelationLabels
from kgbuild.models.docre.relex import NO_EVIDENCE, RelexRelations, from_joint, windows
from kgbuild.models.prompt import Words

TEXT = "Marta Ilves keeps the lighthouse at Sker. Jon Aas was born in Turku."
LABELS = RelationLabels(("works at", "born in"), ("", ""))


@pytest.fixture(scope="module")
def bundled() -> RelexRelations:
    return from_joint(model_folder("bundled"))


def entity(type: str, *names: str, text: str = TEXT) -> GivenEntity:
    return GivenEntity(type, tuple((text.index(n), text.index(n) + len(n)) for n in names))


def test_scores_equal_those_of_the_joint_model(bundled: RelexRelations) -> None:
    people = entity("person", "Marta Ilves"), entity("person", "Jon Aas")
    document = GivenDocument(TEXT, (*people, entity("place", "Turku")))
    with torch.inference_mode():
        (scores,) = bundled([document], [document.pairs], LABELS)
    spans = [one.mentions[0] for one in document.entities]
    expected = load_model().relation_scores([TEXT], [spans], ["person", "place"], LABELS.names)[0]
    head, tail = document.pairs.T.numpy()
    found = torch.sigmoid(scores.margins).numpy()
    np.testing.assert_allclose(found, expected[head, tail], atol=1e-4)
    jon_turku = document.pairs.tolist().index([1, 2])
    assert found[jon_turku, 1] == found[:, 1].max()


def test_an_entity_scores_what_its_best_mention_does(bundled: RelexRelations) -> None:
    text = f"{TEXT} Aas likes boats."
    both = entity("person", "Jon Aas", " Aas likes", text=text)
    place = entity("place", "Turku", text=text)
    parts = [GivenEntity("person", (mention,)) for mention in both.mentions]
    pair = torch.tensor([[0, 1]])
    with torch.inference_mode():
        together, *single = (
            bundled([GivenDocument(text, (one, place))], [pair], LABELS)[0].logits
            for one in (both, *parts)
        )
    torch.testing.assert_close(together, torch.maximum(*single))


def test_many_labels_are_asked_in_several_prompts(bundled: RelexRelations) -> None:
    names = [f"relation number {i} of a long list of relations" for i in range(60)]
    document = GivenDocument(TEXT, (entity("person", "Jon Aas"), entity("place", "Turku")))
    with torch.inference_mode():
        (scores,) = bundled(
            [document], [document.pairs], RelationLabels(tuple(names), ("",) * len(names))
        )
    assert scores.logits.shape == (2, 60)
    assert (scores.logits > NO_EVIDENCE).all()


def test_entities_that_no_window_shows_together_have_no_relation(bundled: RelexRelations) -> None:
    text = f"Jon Aas sails. {'The sea is wide and blue today. ' * 150} He was born in Turku."
    document = GivenDocument(
        text, (entity("person", "Jon Aas", text=text), entity("place", "Turku", text=text))
    )
    with torch.inference_mode():
        (scores,) = bundled([document], [document.pairs], LABELS)
    assert (scores.logits == NO_EVIDENCE).all()


def test_windows_overlap_by_half_and_reach_the_end() -> None:
    words = Words(
        [(i, i + 1) for i in range(10)], list(range(10)), list(range(10)), list(range(10))
    )
    assert list(windows(words, 4)) == [(0, 4), (2, 6), (4, 8), (6, 10)]
    assert list(windows(words, 20)) == [(0, 10)]
