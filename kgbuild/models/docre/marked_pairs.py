"""A pair of entities in its text, with typed markers around the two mentions that are nearest.

"@ * person * Ada Lovelace @ lived in # ^ place ^ London #": punctuation and the type's own words
(typed entity markers of arXiv 2102.01373), so that any type can be marked by any encoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from torch import Tensor

from kgbuild.models.docre.document_encoder import DocumentEncoder, TokenizedDocument
from kgbuild.models.docre.documents import GivenDocument
from kgbuild.models.docre.pooling import n_entities

Span = tuple[int, int]
"""First and last token."""
Marker = tuple[list[int], list[int]]
"""What opens and closes a mention."""
MARKERS = (("@ * {} *", "@"), ("# ^ {} ^", "#"))
"""Of the mentions of head and tail."""
LONGEST_MENTION = 24
"""Tokens; of a longer mention the first ones stand for it."""
GAP = "..."


@dataclass(frozen=True, slots=True)
class MarkedPair:
    """Tokens of a pair.

    Attributes:
        text: What is read of the text, head and tail marked.
        at: Where the opening markers of head and tail begin in `text`.
        mentions: The marked mentions of head and tail alone.
    """

    text: list[int]
    at: tuple[int, int]
    mentions: tuple[list[int], list[int]]


class PairMarker:
    """Marks pairs of entities.

    Args:
        encoder: What will read them.
        room: Most tokens of a text, markers included.
    """

    def __init__(self, encoder: DocumentEncoder, room: int) -> None:
        self._encoder, self._room = encoder, room

    def __call__(self, document: GivenDocument, pairs: Tensor) -> list[MarkedPair]:
        """Mark pairs (M, 2) of a document's entities, each in its part of the text."""
        tokenized = self._encoder.tokenize(document)
        ids, spans = tokenized.ids.tolist(), _spans(tokenized)
        types = [one.type for one in document.entities]
        heads, tails = ({name: self._marker(which, name) for name in types} for which in (0, 1))
        return [
            self._mark(ids, nearest(spans[h], spans[t]), (heads[types[h]], tails[types[t]]))
            for h, t in pairs.tolist()
        ]

    def _marker(self, which: int, type: str) -> Marker:
        opening, closing = MARKERS[which]
        return self._encoder.ids(opening.format(type)), self._encoder.ids(closing)

    def _mark(
        self,
        ids: Sequence[int],
        spans: tuple[Span, Span],
        markers: tuple[Marker, Marker],
    ) -> MarkedPair:
        gap = self._encoder.ids(GAP)
        room = self._room - len(gap) - sum(len(part) for marker in markers for part in marker)
        text: list[int] = []
        at = [0, 0]
        for start, end in excerpts(spans, len(ids), room):
            text += gap if text else []
            for token in range(start, end):
                for which in (0, 1):
                    if token == spans[which][0]:
                        at[which] = len(text)
                        text += markers[which][0]
                text.append(ids[token])
                for which in (1, 0):
                    if token == spans[which][1]:
                        text += markers[which][1]
        head, tail = (
            [*opening, *ids[first : last + 1], *closing]
            for (first, last), (opening, closing) in zip(spans, markers, strict=True)
        )
        return MarkedPair(text, (at[0], at[1]), (head, tail))


def nearest(heads: Sequence[Span], tails: Sequence[Span]) -> tuple[Span, Span]:
    """The two mentions with the fewest tokens between them, the first of several."""
    return min(product(heads, tails), key=lambda two: max(two)[0] - min(two)[1])


def excerpts(spans: tuple[Span, Span], length: int, room: int) -> list[tuple[int, int]]:
    """Start and end of the one or two parts of a text of `length` that show both mentions."""
    start, end = min(spans)[0], max(last for _, last in spans) + 1
    if end - start <= room:
        return [_around(start, end, room, length)]
    return [_around(first, last + 1, room // 2, length) for first, last in sorted(spans)]


def _around(start: int, end: int, room: int, length: int) -> tuple[int, int]:
    """`room` tokens with those from `start` to `end` amid them."""
    begin = max(0, min(start - (room - (end - start)) // 2, length - room))
    return begin, min(length, begin + room)


def _spans(document: TokenizedDocument) -> list[list[Span]]:
    """The mentions of each entity."""
    spans: list[list[Span]] = [[] for _ in range(n_entities(document))]
    for entity, first, last in zip(
        document.entity.tolist(), document.first.tolist(), document.last.tolist(), strict=True
    ):
        spans[entity].append((first, min(last, first + LONGEST_MENTION - 1)))
    return spans
