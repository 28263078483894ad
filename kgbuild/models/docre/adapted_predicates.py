"""Instance-adapted predicates: descriptions of relations with this head and tail filled in.

Jiang and Kavuluru, arXiv 2503.17799. One encoder reads the text of a pair, typed markers around its
two mentions; another one reads, for every relation, a description that names these very mentions:

    x   = LN(W [h_head; h_tail])                 of the text
    y_r = LN(V [h_head; h_tail; h_begin(text)])  of description r
    s_r = scale · cos(x, y_r)

A linear classifier of x learns beside it; the loss is the mean of both. Relations are predicted
where s_r is above that of the description of no relation.

What differs: the published classifier is of no use after training. Here it says which descriptions
are worth reading, for nothing of them can be kept for another pair: the few that it likes best, and
none that it is sure to be wrong. A pair may have several relations (the description of no relation
is then the threshold of ATLOP's loss). The scale is clamped as in CLIP (arXiv 2103.00020, section
2.5). Mentions far from each other are shown in two excerpts of the text.

Sizes: N pairs, R relations, d width.
"""

import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from kgbuild.models.docre.document_encoder import DocumentEncoder
from kgbuild.models.docre.documents import GivenDocument, PairScores, RelationLabels
from kgbuild.models.docre.marked_pairs import MarkedPair, PairMarker
from kgbuild.models.docre.objectives import (
    adaptive_threshold_loss,
    expect_none,
    joined,
    single_label_loss,
)
from kgbuild.models.docre.scoring import RelationSystem, best_of_each

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

NO_RELATION = "{head} has no relation to {tail}."
SLOT = re.compile(r"(\{head\}|\{tail\})")
LONGEST = 64
"""Tokens of a description, its two mentions apart."""


@dataclass(frozen=True, slots=True)
class Options:
    """What adapted predicates are built with."""

    text_tokens: int = 128
    """Of a pair's text; the paper reads about 250."""
    most_labels: int = 4
    """Descriptions that are read for a pair, beside that of no relation."""
    sure: float = 4.0
    """Classifier's margin against a relation beyond which its description is not read."""
    alpha: float = 0.5
    """Share of the classifier in the loss."""
    dropout: float = 0.1
    text_in_labels: bool = True
    """Whether descriptions are mixed with the begin token's state of the text, as published."""
    several: bool = True
    """Whether a pair may have several relations; otherwise it has the best one."""


@dataclass(frozen=True, slots=True)
class AdaptedScores(PairScores):
    """Scores and what they come from.

    Attributes:
        classes: (N, 1 + R) The classifier's logits; no relation comes first.
        compared: (N, R) Which descriptions were read.
    """

    classes: Tensor
    compared: Tensor


class AdaptedPredicates(RelationSystem):
    """The system; of closed labels, but compares pairs with the descriptions of any.

    Raises:
        ModelError: There are no labels.
    """

    system: ClassVar[str] = "adapted-predicates"
    open_labels: ClassVar[bool] = False
    negatives: ClassVar[int | None] = 1
    most_pairs: ClassVar[int | None] = 8
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
        self.options, self.known = options, labels
        if not options.several:
            self.most_relations = 1
        self.encoder = DocumentEncoder(transformer, tokenizer)
        self.descriptions = DocumentEncoder(deepcopy(transformer), tokenizer)
        self._mark = PairMarker(self.encoder, options.text_tokens)
        width = self.encoder.width
        self.of_text = nn.Linear(2 * width, width)
        self.of_label = nn.Linear((3 if options.text_in_labels else 2) * width, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(options.dropout)
        self.classifier = nn.Linear(width, 1 + len(labels.names))
        expect_none(self.classifier.bias)
        self.log_scale = nn.Parameter(torch.tensor(log(1 / 0.07)))

    def forward(
        self,
        documents: Sequence[GivenDocument],
        pairs: Sequence[Tensor],
        labels: RelationLabels,
    ) -> list[PairScores]:
        """Score pairs; a relation whose description is not read stays below the threshold."""
        return self._scores(documents, pairs, labels)

    def forward_to_learn(
        self,
        documents: Sequence[GivenDocument],
        pairs: Sequence[Tensor],
        labels: RelationLabels,
        targets: Sequence[Tensor],
        evidence: Sequence[Tensor | None],  # noqa: ARG002  # it has no context to look at
    ) -> list[PairScores]:
        """The same, with the descriptions of what is right read as well."""
        return self._scores(documents, pairs, labels, torch.cat(list(targets)).bool())

    def _scores(
        self,
        documents: Sequence[GivenDocument],
        pairs: Sequence[Tensor],
        labels: RelationLabels,
        also: Tensor | None = None,
    ) -> list[PairScores]:
        columns = [0, *(1 + column for column in self.columns(labels))]
        marked = [one for of in zip(documents, pairs, strict=True) for one in self._mark(*of)]
        texts, begins = self._texts(marked)
        classes = self.classifier(texts)[:, columns]
        margins = classes[:, 1:] - classes[:, :1]
        compared = best_of_each(margins, self.options.most_labels) & (margins > -self.options.sure)
        if also is not None:
            compared |= also
        logits, threshold = self._compare(marked, texts, begins, labels, compared)
        left = threshold[:, None] + margins.clamp(max=-self.options.sure)
        every = torch.where(compared, logits, left), threshold, classes, compared
        parts = [torch.split(one, [len(of) for of in pairs]) for one in every]
        return [AdaptedScores(*of) for of in zip(*parts, strict=True)]

    def loss(self, scores: Sequence[PairScores], targets: Sequence[Tensor]) -> Tensor:
        """α · loss of the classifier + (1 - α) · loss among the descriptions that were read."""
        wanted, alpha = torch.cat(list(targets)), self.options.alpha
        own = cast("Sequence[AdaptedScores]", scores)
        classes = torch.cat([one.classes for one in own]).float()
        compared = torch.cat([one.compared for one in own])
        every = joined(scores)
        read = PairScores(every.logits.masked_fill(~compared, -torch.inf), every.threshold)
        of = adaptive_threshold_loss if self.options.several else single_label_loss
        classified = of(PairScores(classes[:, 1:], classes[:, 0]), wanted)
        return alpha * classified + (1 - alpha) * of(read, wanted * compared)

    @torch.no_grad()
    def compare(
        self, document: GivenDocument, pairs: Tensor, labels: RelationLabels, wanted: Tensor
    ) -> Tensor:
        """Log odds (N, R) by descriptions alone, and so of any labels.

        Args:
            document: Holds the entities.
            pairs: (N, 2)
            labels: R labels, not only those that it was built for.
            wanted: (N, R) Whose descriptions are read; the others have the log odds of none.
        """
        marked = self._mark(document, pairs)
        scores = PairScores(
            *self._compare(marked, *self._texts(marked), labels, wanted.to(self.encoder.device))
        )
        return self.log_odds(scores).float().cpu()

    def _texts(self, marked: Sequence[MarkedPair]) -> tuple[Tensor, Tensor]:
        """Vectors x of pairs in their texts and the states of the begin tokens, both (N, d)."""
        at = torch.tensor([(0, 1 + one.at[0], 1 + one.at[1]) for one in marked], dtype=torch.long)
        inputs = [self.encoder.assemble(one.text) for one in marked]
        states = self.encoder.read_at(inputs, at.view(-1, 3))
        vectors = self.norm(self.of_text(states[:, 1:].flatten(1)))
        return self.dropout(vectors), states[:, 0]

    def _compare(
        self,
        marked: Sequence[MarkedPair],
        texts: Tensor,
        begins: Tensor,
        labels: RelationLabels,
        wanted: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Similarities of texts and the descriptions that are wanted (N, R), and no relation (N).

        They are zero where nothing is wanted.
        """
        described = map(template, labels.names, labels.descriptions)
        templates = [self._parts(one) for one in (NO_RELATION, *described)]
        cells = torch.cat([wanted.any(dim=1, keepdim=True), wanted], dim=1)
        rows, columns = torch.nonzero(cells, as_tuple=True)
        filled = [
            fill(templates[column], marked[row].mentions)
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        ]
        at = torch.tensor([places for _, places in filled], dtype=torch.long).view(-1, 2)
        inputs = [self.descriptions.assemble(ids) for ids, _ in filled]
        states = self.descriptions.read_at(inputs, 1 + at).flatten(1)
        if self.options.text_in_labels:
            states = torch.cat([states, begins[rows]], dim=1)
        vectors = self.dropout(self.norm(self.of_label(states)))
        scale = self.log_scale.clamp(max=log(100.0)).exp()
        found = scale * functional.cosine_similarity(texts[rows], vectors, dim=1)
        every = found.new_zeros(cells.shape).index_put((rows, columns), found)
        return every[:, 1:], every[:, 0]

    def _parts(self, text: str) -> list[list[int] | int]:
        """Tokens of a description, with 0 and 1 in the slots of head and tail."""
        room = LONGEST
        parts: list[list[int] | int] = []
        for part in SLOT.split(text):
            if SLOT.fullmatch(part):
                parts.append(int(part == "{tail}"))
            elif part.strip():
                ids = self.descriptions.ids(part.strip())[:room]
                room -= len(ids)
                parts.append(ids)
        return parts


def template(name: str, description: str) -> str:
    """A label's description with slots; one that has none follows "HEAD name TAIL"."""
    if "{head}" in description and "{tail}" in description:
        return description
    sentence = f"{{head}} {name} {{tail}}."
    return f"{sentence} {SLOT.sub('', description)}" if description else sentence


def fill(
    parts: Sequence[list[int] | int], mentions: tuple[list[int], list[int]]
) -> tuple[list[int], tuple[int, int]]:
    """Put mentions into the slots: the tokens, and where head and tail first begin."""
    ids: list[int] = []
    at: dict[int, int] = {}
    for part in parts:
        if isinstance(part, int):
            at.setdefault(part, len(ids))
            ids += mentions[part]
        else:
            ids += part
    return ids, (at[0], at[1])
