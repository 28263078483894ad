"""Three small documents, and encoders that nobody trained."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from kgbuild.models.docre.documents import GivenDocument, GivenEntity, RelationLabels

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LABELS = RelationLabels(
    ("wrote about", "works with", "lives in"),
    ("Somebody wrote a text about something.", "", "Where somebody's home is."),
)


@pytest.fixture
def labels() -> RelationLabels:
    return LABELS


@pytest.fixture
def transformer(encoder_folder: Path) -> "PreTrainedModel":
    from transformers import AutoModel

    return AutoModel.from_pretrained(encoder_folder).eval()


@pytest.fixture
def given() -> Callable[..., GivenDocument]:
    """A document of a text and, for each entity, its names in the text."""
    return given_document


def given_document(text: str, *entities: tuple[str, ...]) -> GivenDocument:
    spans = [[(text.index(name), text.index(name) + len(name)) for name in e] for e in entities]
    return GivenDocument(text, tuple(GivenEntity("entity", tuple(one)) for one in spans))


@pytest.fixture
def documents() -> list[GivenDocument]:
    """Of 4, 2 and 1 entities, so of 12 pairs, of 2 and of none."""
    return [
        given_document(
            "Ada Lovelace wrote about the Analytical Engine. Lady Lovelace lived in London."
            " There she works with Charles Babbage.",
            ("Ada Lovelace", "Lady Lovelace"),
            ("Analytical Engine",),
            ("London",),
            ("Charles Babbage",),
        ),
        given_document("Babbage had a house in London.", ("Babbage",), ("London",)),
        given_document("Nobody else is in the city.", ("city",)),
    ]


@pytest.fixture
def targets() -> list[torch.Tensor]:
    """What holds in `documents`, for all pairs and `LABELS`; one pair has two relations."""
    facts = [{(0, 1): (0,), (0, 2): (2,), (0, 3): (1, 2), (3, 0): (1,)}, {(0, 1): (2,)}, {}]
    sizes = (4, 2, 1)
    return [_targets(held, n) for held, n in zip(facts, sizes, strict=True)]


def _targets(facts: dict[tuple[int, int], tuple[int, ...]], n: int) -> torch.Tensor:
    pairs = [(h, t) for h in range(n) for t in range(n) if h != t]
    rows = [[float(label in facts.get(pair, ())) for label in range(3)] for pair in pairs]
    return torch.tensor(rows).view(-1, 3)
