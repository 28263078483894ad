"""Texts and labels → token ids: labels stand in front of the text, one encoder reads both.

    [CLS] ENT person ENT company … SEP REL works for REL founded … SEP the words of the text [SEP]

Layout and special tokens are those of the public GLiNER-Relex checkpoints (arXiv 2605.10108).
A label or a word is tokenised on its own, so each is tokenised once however often it occurs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

WORD = re.compile(r"\w+(?:[-_]\w+)*|\S")


def split_words(text: str) -> list[tuple[int, int]]:
    """Return the half-open character spans of the words of `text`."""
    return [match.span() for match in WORD.finditer(text)]


@dataclass(frozen=True, slots=True)
class Words:
    """One tokenised text.

    Attributes:
        spans: Character span of each word.
        ids: Token ids of all words, in a row.
        first: Index in `ids` of each word's first token; -1 for a word that the tokenizer drops.
        last: The same of its last token.
    """

    spans: list[tuple[int, int]]
    ids: list[int]
    first: list[int]
    last: list[int]


@dataclass(frozen=True, slots=True)
class Labels:
    """A tokenised label prompt: its ids, and where the tokens that stand for labels are in them."""

    ids: list[int]
    entity: list[int]
    relation: list[int]


@dataclass(frozen=True, slots=True)
class Batch:
    """B inputs of up to T tokens. Positions index the token axis; -1 pads.

    Shapes: ids and mask (B, T), words and word_ends (B, W), n_words (B), entity (B, C),
    relation (B, R).
    """

    ids: Tensor
    mask: Tensor
    words: Tensor
    word_ends: Tensor
    n_words: Tensor
    entity: Tensor
    relation: Tensor

    def to(self, device: torch.device) -> "Batch":
        """Move every tensor to `device`."""
        return Batch(*(getattr(self, name).to(device) for name in self.__slots__))


class Prompter:
    """Builds the inputs of a joint model.

    Args:
        tokenizer: Knows the three special tokens.
        pad_id: Fills up shorter inputs.
        ent_token: Stands before each entity label.
        sep_token: Ends the entity labels, and the relation labels.
        rel_token: Stands before each relation label.
        entity_offset: Of the token that represents an entity label, from the ENT before it.
        relation_offset: The same of relation labels.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        pad_id: int,
        ent_token: str,
        sep_token: str,
        rel_token: str,
        *,
        entity_offset: int = 0,
        relation_offset: int = 0,
    ) -> None:
        self._encoder = tokenizer
        self._encoder.no_truncation()
        self._encoder.no_padding()
        self._ent, self._sep, self._rel = ent_token, sep_token, rel_token
        self._offsets = entity_offset, relation_offset
        self.pad_id = pad_id
        self._opening, self._closing = self._special_tokens()

    def _special_tokens(self) -> tuple[list[int], list[int]]:
        """Find what the tokenizer puts before and after every input, [CLS] and [SEP] say."""
        bare = self._encoder.encode("a", add_special_tokens=False).ids
        full = self._encoder.encode("a", add_special_tokens=True).ids
        at = full.index(bare[0])
        return full[:at], full[at + len(bare) :]

    def words(self, texts: Sequence[str]) -> list[Words]:
        """Tokenise whole texts, in bulk; nothing is cut."""
        spans = [split_words(text) for text in texts]
        split = [
            [text[start:end] for start, end in of] for text, of in zip(texts, spans, strict=True)
        ]
        encoded = self._encoder.encode_batch(split, is_pretokenized=True, add_special_tokens=False)
        return [
            Words(of, one.ids, *_word_tokens(one.word_ids, len(of)))
            for of, one in zip(spans, encoded, strict=True)
        ]

    def labels(self, entity_labels: Sequence[str], relation_labels: Sequence[str]) -> Labels:
        """Tokenise the label prompt."""
        parts = [part for label in entity_labels for part in (self._ent, label)] + [self._sep]
        parts += [part for label in relation_labels for part in (self._rel, label)] + [self._sep]
        # One by one: a label is one element of the prompt even where it has several words.
        encoded = self._encoder.encode_batch(
            [[p] for p in parts], is_pretokenized=True, add_special_tokens=False
        )
        starts: list[int] = []
        ids: list[int] = []
        for one in encoded:
            starts.append(len(ids))
            ids += one.ids
        split = 2 * len(entity_labels)
        relation = starts[split + 1 : split + 1 + 2 * len(relation_labels) : 2]
        entity_offset, relation_offset = self._offsets
        return Labels(
            ids,
            [at + entity_offset for at in starts[:split:2]],
            [at + relation_offset for at in relation],
        )

    def length(self, labels: Labels) -> int:
        """Tokens of an input that are not text: the prompt and the special tokens."""
        return len(labels.ids) + len(self._opening) + len(self._closing)

    def batch(self, labels: Sequence[Labels], texts: Sequence[Words]) -> Batch:
        """Lay out one input per (labels, text) pair, padded on the right."""
        rows = [
            self._opening + prompt.ids + text.ids + self._closing
            for prompt, text in zip(labels, texts, strict=True)
        ]
        ids = _padded(rows, self.pad_id)
        lengths = torch.tensor([len(row) for row in rows])
        opening = len(self._opening)
        before = [opening + len(prompt.ids) for prompt in labels]
        return Batch(
            ids,
            torch.arange(ids.shape[1])[None, :] < lengths[:, None],
            _positions([text.first for text in texts], before),
            _positions([text.last for text in texts], before),
            torch.tensor([len(text.spans) for text in texts]),
            _positions([prompt.entity for prompt in labels], [opening] * len(labels)),
            _positions([prompt.relation for prompt in labels], [opening] * len(labels)),
        )


def _word_tokens(word_ids: Sequence[int | None], n_words: int) -> tuple[list[int], list[int]]:
    """Index of each word's first and last token; -1 for a word without tokens."""
    first, last = [-1] * n_words, [-1] * n_words
    for index, word in enumerate(word_ids):
        if word is not None:
            if first[word] < 0:
                first[word] = index
            last[word] = index
    return first, last


def _positions(rows: Sequence[Sequence[int]], offsets: Sequence[int]) -> Tensor:
    shifted = [
        [at + offset if at >= 0 else -1 for at in row]
        for row, offset in zip(rows, offsets, strict=True)
    ]
    return _padded(shifted, -1)


def _padded(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    width = max((len(row) for row in rows), default=0)
    return torch.tensor(
        [list(row) + [value] * (width - len(row)) for row in rows], dtype=torch.long
    ).view(len(rows), width)
