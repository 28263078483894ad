"""Documents of any length → one vector per token, and the attention of mentions.

A text is read in overlapping windows. On an overlap the states are averaged, weighted by the
distance to the window's edge; ATLOP (arXiv 2010.11304) does the same for two windows without the
weights. The attention of the last layer is computed again, for the rows of mentions alone: fast
attention kernels do not return it, and the full map grows with the square of the text.

Sizes: L tokens of a document with its markers, d width, M mentions, A attention heads.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from kgbuild.errors import ModelError
from kgbuild.models.docre.documents import GivenDocument

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MARKER = "*"
"""Stands before and after every mention (ATLOP, section 3.1)."""
BATCH_WINDOWS = 16
TOKENS_AT_ONCE = 8192


@dataclass(frozen=True, slots=True)
class TokenizedDocument:
    """A document's tokens; mentions in order of their entities.

    Attributes:
        ids: (L,)
        first: (M,) First token of each mention: its opening marker, if there are markers.
        last: (M,) Last token of each mention, markers excluded.
        entity: (M,) The entity that each mention belongs to.
        sentence: (L,) The sentence that each token belongs to, a marker to that of its mention's
            token; -1 for none. None where the sentences are not known.
    """

    ids: Tensor
    first: Tensor
    last: Tensor
    entity: Tensor
    sentence: Tensor | None = None


@dataclass(frozen=True, slots=True)
class DocumentStates:
    """What the encoder makes of a document.

    Attributes:
        tokens: (L, d)
        document: Where the mentions are.
        attention: (M, A, L) How much each mention's first token attends to each token, in the last
            layer; rows sum to 1. None where it was not asked for.
    """

    tokens: Tensor
    document: TokenizedDocument
    attention: Tensor | None


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens `start` to `end` of the document with index `document` in its batch."""

    document: int
    start: int
    end: int


class DocumentEncoder(nn.Module):
    """An encoder of `transformers` that reads whole documents.

    Args:
        transformer: Any encoder; attention can be had of those built like BERT or RoBERTa.
        tokenizer: Its tokenizer.
        window: Most tokens that it reads at once, begin and end token included.
        overlap: Tokens that two neighbouring windows share.
        marked: Whether a marker stands before and after every mention.

    Raises:
        ModelError: Windows of this size cannot overlap so far.
    """

    def __init__(
        self,
        transformer: "PreTrainedModel",
        tokenizer: Tokenizer,
        *,
        window: int = 512,
        overlap: int = 128,
        marked: bool = False,
    ) -> None:
        super().__init__()
        if not 0 <= overlap < window - 2:
            raise ModelError(f"windows of {window} tokens cannot overlap by {overlap}")
        self.transformer = transformer
        self.width = int(transformer.config.hidden_size)
        self.n_heads = int(transformer.config.num_attention_heads)
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._begin, self._end = _ends(self._tokenizer)
        self._marker = self._tokenizer.token_to_id(MARKER) if marked else None
        self._pad = int(transformer.config.pad_token_id or 0)
        self._body, self._overlap = window - 2, overlap

    @property
    def device(self) -> torch.device:
        """Where the encoder is."""
        found: torch.device = next(self.transformer.parameters()).device
        return found

    def tokenize(self, document: GivenDocument) -> TokenizedDocument:
        """Tokens of a document and where its mentions are among them."""
        encoding = self._tokenizer.encode(document.text, add_special_tokens=False)
        offsets = encoding.offsets
        of_each = [  # no mention counts twice
            dict.fromkeys(_touched(offsets, mention) for mention in one.mentions)
            for one in document.entities
        ]
        spans = [span for of in of_each for span in of]
        owner = [i for i, of in enumerate(of_each) for _ in of]
        ids = encoding.ids
        firsts, lasts = [first for first, _ in spans], [last for _, last in spans]
        sentence = None
        if document.sentences:
            marked = () if self._marker is None else [*set(spans)]
            sentence = _sentence_of_each(offsets, document.sentences, marked)
        if self._marker is not None:
            ids, firsts, lasts = _mark(ids, spans, self._marker)
        return TokenizedDocument(
            torch.tensor(ids or [self._pad]),  # a document of no tokens has one
            torch.tensor(firsts, dtype=torch.long),
            torch.tensor(lasts, dtype=torch.long),
            torch.tensor(owner, dtype=torch.long),
            sentence,
        )

    def forward(
        self, documents: Sequence[GivenDocument], *, attention: bool = False
    ) -> list[DocumentStates]:
        """Read documents, many windows at a time.

        Args:
            documents: Of any length.
            attention: Whether the attention of mentions is wanted.

        Raises:
            ModelError: It is wanted of an encoder whose attention is not known.
        """
        tokenized = [self.tokenize(document) for document in documents]
        merged = [_Merged(self, one, attention=attention) for one in tokenized]
        windows = [
            Window(i, start, end)
            for i, one in enumerate(tokenized)
            for start, end in cut(len(one.ids), self._body, self._overlap)
        ]
        for at in range(0, len(windows), BATCH_WINDOWS):
            batch = windows[at : at + BATCH_WINDOWS]
            for window, states, rows in self._run(batch, tokenized, attention=attention):
                merged[window.document].add(window, states, rows)
        return [one.states() for one in merged]

    def ids(self, text: str) -> list[int]:
        """Tokens of a text, without begin and end."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def assemble(self, *segments: Sequence[int]) -> Tensor:
        """An input: the begin token, and after each segment the end token."""
        ids = [self._begin]
        for segment in segments:
            ids += [*segment, self._end]
        return torch.tensor(ids)

    def read_at(self, inputs: Sequence[Tensor], at: Tensor) -> Tensor:
        """States (N, K, d) at K places each of N inputs, read many at a time.

        Args:
            inputs: Made by `assemble`, none longer than the encoder can read.
            at: (N, K) Indices of tokens.
        """
        batches = list(_of_like_length([len(one) for one in inputs], TOKENS_AT_ONCE))
        found = [torch.zeros(0, at.shape[1], self.width, device=self.device)]
        for batch in batches:
            ids, mask = self._padded([inputs[i] for i in batch])
            states = self.transformer(input_ids=ids, attention_mask=mask, **self._segments(ids))[0]
            rows = torch.arange(len(batch), device=states.device)[:, None]
            found.append(states[rows, at[batch].to(states.device)])
        order = torch.tensor([i for batch in batches for i in batch], dtype=torch.long)
        return torch.cat(found)[order.argsort().to(self.device)]

    def _segments(self, ids: Tensor) -> dict[str, Tensor]:
        """Which tokens are beyond the first segment, for encoders that were taught to know."""
        if getattr(self.transformer.config, "type_vocab_size", 0) < 2:
            return {}
        ends = (ids == self._end).long()
        return {"token_type_ids": (ends.cumsum(dim=1) > ends).long()}

    def _padded(self, ids: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        batch = nn.utils.rnn.pad_sequence(list(ids), batch_first=True, padding_value=self._pad)
        lengths = torch.tensor([len(one) for one in ids])
        mask = torch.arange(batch.shape[1])[None, :] < lengths[:, None]
        return batch.to(self.device), mask.long().to(self.device)

    def _run(
        self,
        windows: Sequence[Window],
        tokenized: Sequence[TokenizedDocument],
        *,
        attention: bool,
    ) -> Iterator[tuple[Window, Tensor, Tensor | None]]:
        """Each window, its states (n, d), and the attention of its mentions where it is wanted."""
        begin, end = torch.tensor([self._begin]), torch.tensor([self._end])
        bodies = [tokenized[w.document].ids[w.start : w.end] for w in windows]
        batch, mask = self._padded([torch.cat([begin, body, end]) for body in bodies])
        output = self.transformer(
            input_ids=batch, attention_mask=mask, output_hidden_states=attention
        )
        for row, window in enumerate(windows):
            length = window.end - window.start
            rows = None
            if attention:
                first = tokenized[window.document].first
                at = first[_inside(first, window)] - window.start + 1
                rows = self._attention(output.hidden_states[-2][row, : length + 2], at)
            yield window, output[0][row, 1 : length + 1], rows

    def _attention(self, inputs: Tensor, at: Tensor) -> Tensor:
        """Attention (N, A, n) of the tokens `at` (N) in the last layer, to the n of the text.

        The begin and end tokens take their share of the softmax, but are no part of the text.

        Args:
            inputs: What goes into the last layer, begin and end token included, (n + 2, d).
            at: Indices of `inputs`.
        """
        layers = getattr(getattr(self.transformer, "encoder", None), "layer", None)
        own = getattr(getattr(layers[-1], "attention", None), "self", None) if layers else None
        if own is None or not hasattr(own, "query"):
            kind = self.transformer.config.model_type
            raise ModelError(
                f"the attention of {kind!r} encoders is not supported; use BERT's kind"
            )
        queries = own.query(inputs[at.to(inputs.device)]).unflatten(-1, (self.n_heads, -1))
        keys = own.key(inputs).unflatten(-1, (self.n_heads, -1))
        logits = torch.einsum("mad,nad->man", queries, keys) / keys.shape[-1] ** 0.5
        return torch.softmax(logits.float(), dim=-1)[:, :, 1:-1]


class _Merged:
    """The states of a document, while its windows are added."""

    def __init__(
        self, encoder: DocumentEncoder, document: TokenizedDocument, *, attention: bool
    ) -> None:
        length, mentions, device = len(document.ids), len(document.first), encoder.device
        self._document = document
        self._first = document.first.to(device)
        self._tokens = torch.zeros(length, encoder.width, device=device)
        self._weights = torch.zeros(length, 1, device=device)
        shape = (mentions, encoder.n_heads, length)
        self._attention = torch.zeros(shape, device=device) if attention else None

    def add(self, window: Window, states: Tensor, rows: Tensor | None) -> None:
        """Add a window's states (n, d), and the attention of the mentions that begin in it."""
        at = torch.arange(len(states), device=states.device)
        weights = torch.minimum(at + 1, len(states) - at)[:, None].float()
        self._tokens[window.start : window.end] += states * weights
        self._weights[window.start : window.end] += weights
        if self._attention is not None and rows is not None:
            here = _inside(self._first, window)
            weighted = rows * weights[self._first[here] - window.start][..., None]
            self._attention[here, :, window.start : window.end] += weighted

    def states(self) -> DocumentStates:
        """The weighted means."""
        rows = self._attention
        if rows is not None:
            rows = rows / rows.sum(dim=-1, keepdim=True).clamp(min=1e-9)
        return DocumentStates(self._tokens / self._weights, self._document, rows)


def cut(length: int, body: int, overlap: int) -> list[tuple[int, int]]:
    """Windows of `body` tokens that cover `length`; the last one ends where the text does."""
    if length <= body:
        return [(0, length)]
    starts = [*range(0, length - body, body - overlap), length - body]
    return [(start, start + body) for start in starts]


def _of_like_length(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Indices in batches of at most so many tokens, padding included; the longest come first."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    start = 0
    while start < len(order):
        size = max(1, most // lengths[order[start]])
        yield order[start : start + size]
        start += size


def _ends(tokenizer: Tokenizer) -> tuple[int, int]:
    """The tokens that stand around every input."""
    ids = tokenizer.encode("").ids
    if len(ids) != 2:
        raise ModelError("the encoder's tokenizer does not put one token before and after a text")
    return ids[0], ids[1]


def _inside(first: Tensor, window: Window) -> Tensor:
    """Indices of the tokens that lie in a window."""
    return torch.nonzero((first >= window.start) & (first < window.end)).flatten()


def _touched(offsets: Sequence[tuple[int, int]], mention: tuple[int, int]) -> tuple[int, int]:
    """First and last token that share a character with a mention, or else the one after it."""
    first = bisect_right(offsets, mention[0], key=lambda offset: offset[1])
    last = bisect_left(offsets, mention[1], key=lambda offset: offset[0]) - 1
    first = max(0, min(first, len(offsets) - 1))
    return first, max(first, last)


def _sentence_of_each(
    offsets: Sequence[tuple[int, int]],
    sentences: Sequence[tuple[int, int]],
    marked: Sequence[tuple[int, int]],
) -> Tensor:
    """The sentence of each token and each marker, (L,); -1 for none.

    A token is of the sentence that it ends in, for it may begin with the space before. Markers
    around the spans of tokens `marked` are of the sentence of the token beside them.
    """
    if not offsets:
        return torch.tensor([-1])  # a document of no tokens has one
    starts, ends = zip(*sentences, strict=True)
    last = [(bisect_left(starts, end) - 1, end) for _, end in offsets]
    found = torch.tensor([at if at >= 0 and end <= ends[at] else -1 for at, end in last])
    beside = torch.tensor([token for span in marked for token in span], dtype=torch.long)
    return found.repeat_interleave(1 + torch.bincount(beside, minlength=len(found)))


def _mark(
    ids: Sequence[int], spans: Sequence[tuple[int, int]], marker: int
) -> tuple[list[int], list[int], list[int]]:
    """Put a marker before and after each span: the ids, and where the spans are now.

    A span's first token is its marker; its last one is its own. Spans that begin at one token have
    a marker each, the longer span's first; of equal spans, one marker is that of all.
    """
    opening: dict[int, list[int]] = {}
    closing: dict[int, int] = {}
    for start, end in sorted(set(spans), key=lambda span: (span[0], -span[1])):
        opening.setdefault(start, []).append(end)
        closing[end] = closing.get(end, 0) + 1
    marked: list[int] = []
    at: list[int] = []
    marker_of: dict[tuple[int, int], int] = {}
    for token, id in enumerate(ids):
        for end in opening.get(token, ()):
            marker_of[token, end] = len(marked)
            marked.append(marker)
        at.append(len(marked))
        marked.append(id)
        marked += [marker] * closing.get(token, 0)
    first = [marker_of.get(span, 0) for span in spans]  # a document of no tokens has no markers
    return marked, first, [at[last] if at else 0 for _, last in spans]
