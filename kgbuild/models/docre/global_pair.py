"""Global context for a pair: the whole document, then the names of head and tail.

Nilesh et al., arXiv 2507.22926. For every pair the encoder reads

    begin · document · end · head · end · tail · end

and the state of the begin token is all that is classified: tanh(W h), dropout, a linear layer. No
markers, nothing says where the entities are mentioned. The published encoder is frozen; here it
also learns, for otherwise the idea is not tested.

What the paper leaves open: relations are independent of each other (sigmoid) by default; an entity
is all its different names, the longest first; a long document is read in windows, of which the
highest logit counts. As a baseline its worth is in the controls: what it scores when it does not
see the document, or not the entities.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from kgbuild.errors import ModelError
from kgbuild.models.docre.document_encoder import DocumentEncoder, cut
from kgbuild.models.docre.documents import GivenDocument, GivenEntity, PairScores, RelationLabels
from kgbuild.models.docre.objectives import joined, single_label_loss
from kgbuild.models.docre.scoring import RelationSystem

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

SEES = ("all", "entities", "document", "shuffled")
BETWEEN_NAMES = " | "
PRIOR = 0.01
"""Probability of a relation before anything is learned (arXiv 1708.02002, section 3.3)."""
MOST_KEPT = 200_000
"""Pairs whose states are kept if the encoder is frozen."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a global-pair system is built with."""

    frozen: bool = False
    """Whether the encoder does not learn, as published."""
    softmax: bool = False
    """Whether a pair has one relation or none, instead of any number."""
    sees: str = "all"
    """One of `SEES`: the other ones are controls; `shuffled` sees the words in any order."""
    window: int = 512
    """Most tokens that the encoder reads at once."""
    overlap: int = 128
    """Tokens that two neighbouring windows share."""
    entity_tokens: int = 32
    """Of the names of an entity."""
    dropout: float = 0.3


class GlobalPair(RelationSystem):
    """The system; of closed labels.

    Raises:
        ModelError: There are no labels, or there is no such thing to see.
    """

    system: ClassVar[str] = "global-pair"
    open_labels: ClassVar[bool] = False
    negatives: ClassVar[int | None] = 3
    most_pairs: ClassVar[int | None] = 12
    options: Options

    def __init__(
        self,
        transformer: "PreTrainedModel",
        tokenizer: "Tokenizer",
        labels: RelationLabels | None,
        options: Options,
    ) -> None:
        super().__init__()
        labels = self.needed(labels)
        if options.sees not in SEES:
            raise ModelError(f"global-pair sees {options.sees!r}; known are {', '.join(SEES)}")
        self.options, self.known = options, labels
        if options.softmax:
            self.most_relations = 1
        self.encoder = DocumentEncoder(transformer, tokenizer)
        if options.frozen:
            transformer.requires_grad_(False)
        self.pooler = nn.Linear(self.encoder.width, self.encoder.width)
        self.dropout = nn.Dropout(options.dropout)
        self.classifier = nn.Linear(self.encoder.width, len(labels.names) + options.softmax)
        if not options.softmax:
            nn.init.constant_(self.classifier.bias, log(PRIOR / (1 - PRIOR)))
        self._kept: dict[tuple[GivenDocument, int, int], Tensor] = {}

    def train(self, mode: bool = True) -> "GlobalPair":  # noqa: FBT001, FBT002  # as in PyTorch
        """A frozen encoder has no dropout either, so that its states can be kept."""
        super().train(mode)
        if self.options.frozen:
            self.encoder.eval()
        return self

    def forward(
        self,
        documents: Sequence[GivenDocument],
        pairs: Sequence[Tensor],
        labels: RelationLabels,
    ) -> list[PairScores]:
        """Score pairs; the threshold is 0."""
        columns = self.columns(labels)
        keys = [
            (document, head, tail)
            for document, of in zip(documents, pairs, strict=True)
            for head, tail in of.tolist()
        ]
        states = self._frozen(keys) if self.options.frozen else self._read(keys)
        logits = self._logits(states)[:, columns]
        parts = torch.split(logits, [len(of) for of in pairs])
        return [PairScores(part, part.new_zeros(len(part))) for part in parts]

    def loss(self, scores: Sequence[PairScores], targets: Sequence[Tensor]) -> Tensor:
        """Cross-entropy, of each relation or of the only one; mean over pairs."""
        every, wanted = joined(scores), torch.cat(list(targets))
        if self.options.softmax:
            return single_label_loss(every, wanted)
        costs = functional.binary_cross_entropy_with_logits(every.logits, wanted, reduction="sum")
        return costs / max(len(wanted), 1)

    def _logits(self, states: Sequence[Tensor]) -> Tensor:
        """Logits (N, R) of pairs from the states of their windows, N times (windows, d)."""
        sizes = torch.tensor([len(one) for one in states], dtype=torch.long)
        windows = torch.cat(
            [torch.zeros(0, self.encoder.width, device=self.encoder.device), *states]
        )
        outputs: Tensor = self.classifier(self.dropout(torch.tanh(self.pooler(windows))))
        if self.options.softmax:
            outputs = outputs[:, 1:] - outputs[:, :1]
        owner = torch.repeat_interleave(torch.arange(len(sizes)), sizes).to(outputs.device)
        highest = outputs.new_zeros(len(sizes), outputs.shape[1])
        index = owner[:, None].expand_as(outputs)
        return highest.scatter_reduce(0, index, outputs, "amax", include_self=False)

    def _frozen(self, keys: Sequence[tuple[GivenDocument, int, int]]) -> list[Tensor]:
        """The same as `_read`, each pair read once."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._kept]
        if len(self._kept) + len(missing) > MOST_KEPT:
            self._kept.clear()
            missing = list(dict.fromkeys(keys))
        with torch.inference_mode(mode=False), torch.no_grad():  # may be learned from later
            read = self._read(missing)
        self._kept.update(zip(missing, (one.cpu() for one in read), strict=True))
        return [self._kept[key].to(self.encoder.device) for key in keys]

    def _read(self, keys: Sequence[tuple[GivenDocument, int, int]]) -> list[Tensor]:
        """States of the begin token for pairs of entities, each (windows, d)."""
        texts = {document: self._document(document) for document, _, _ in keys}
        names = {
            document: [self._names(document.text, one) for one in document.entities]
            for document in texts
        }
        inputs = [
            list(self._inputs(texts[document], names[document][head], names[document][tail]))
            for document, head, tail in keys
        ]
        flat = [one for of in inputs for one in of]
        states = self.encoder.read_at(flat, torch.zeros(len(flat), 1, dtype=torch.long))
        return list(torch.split(states[:, 0], [len(of) for of in inputs]))

    def _inputs(self, text: list[int], head: list[int], tail: list[int]) -> Iterator[Tensor]:
        body = self.options.window - 4 - len(head) - len(tail)
        for start, end in cut(len(text), body, self.options.overlap):
            yield self.encoder.assemble(text[start:end], head, tail)

    def _document(self, document: GivenDocument) -> list[int]:
        if self.options.sees == "entities":
            return []
        ids = self.encoder.ids(document.text)
        if self.options.sees == "shuffled":
            random.Random(document.text).shuffle(ids)
        return ids

    def _names(self, text: str, entity: GivenEntity) -> list[int]:
        if self.options.sees == "document":
            return []
        names = dict.fromkeys(text[start:end] for start, end in entity.mentions)
        joined_names = BETWEEN_NAMES.join(sorted(names, key=len, reverse=True))
        return self.encoder.ids(joined_names)[: self.options.entity_tokens]
