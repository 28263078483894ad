"""The relation head of GLiNER-Relex, on given mentions (arXiv 2605.10108).

Labels stand in front of the text, and pairs of mentions are scored against them as in the joint
model (`kgbuild.models.relex`). A pair of entities scores what its best pair of mentions scores.
Labels that do not fit into one prompt are asked in several passes; a long text is read in windows
that overlap by half, and entities that no window shows together have no relation.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from kgbuild.errors import ModelError
from kgbuild.models.checkpoint import load, make_prompter, read_tokenizer, window
from kgbuild.models.docre.documents import GivenDocument, PairScores, RelationLabels
from kgbuild.models.docre.scoring import RelationSystem
from kgbuild.models.losses import weighted_bce
from kgbuild.models.prompt import Labels, Words
from kgbuild.models.relex import Relex, RelexConfig
from kgbuild.models.windows import part_of, token_starts

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NO_EVIDENCE = -50.0
"""Logit of entities that no window shows together."""
PROMPT_SHARE = 0.5
"""Of a window, at the most, for labels."""
POSITIVE_WEIGHT = 0.7


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen."""

    config: Mapping[str, Any] = field(default_factory=dict)
    """Of the joint model; by default as wide as the encoder and without further layers."""
    window: int = 512
    """Tokens that are read at once."""


class RelexRelations(RelationSystem):
    """The joint model as a scorer of given entities.

    Args:
        transformer: Its encoder; learns three new tokens if it does not know them.
        tokenizer: Its tokenizer, is given these tokens.
        labels: None.
        options: See there.
    """

    system = "relex"
    open_labels = True
    options: Options

    def __init__(
        self,
        transformer: "PreTrainedModel",
        tokenizer: Tokenizer,
        labels: RelationLabels | None,
        options: Options,
    ) -> None:
        super().__init__()
        default = RelexConfig(int(transformer.config.hidden_size), num_rnn_layers=0)
        config = RelexConfig.from_mapping(asdict(default) | dict(options.config))
        tokenizer.add_special_tokens([config.ent_token, config.sep_token, config.rel_token])
        if tokenizer.get_vocab_size() > transformer.config.vocab_size:
            transformer.resize_token_embeddings(tokenizer.get_vocab_size(), mean_resizing=False)
        self.options = Options(asdict(config), options.window)
        self.network = Relex(config, transformer)
        values = asdict(config) | {"encoder_config": transformer.config.to_dict()}
        self._prompter = make_prompter(Tokenizer.from_str(tokenizer.to_str()), values)

    @property
    def transformer(self) -> "PreTrainedModel":
        """The encoder of `transformers` that reads labels and text."""
        return self.network.encoder.transformer

    def forward(
        self,
        documents: Sequence[GivenDocument],
        pairs: Sequence[Tensor],
        labels: RelationLabels,
    ) -> list[PairScores]:
        """Score pairs of each document (M, 2) against any labels; the threshold is 0."""
        return [self._score(*of, labels) for of in zip(documents, pairs, strict=True)]

    def loss(self, scores: Sequence[PairScores], targets: Sequence[Tensor]) -> Tensor:
        """The joint model's loss of pairs, over the cells of which something is known."""
        logits = torch.cat([one.logits for one in scores])
        counted = logits > NO_EVIDENCE
        return weighted_bce(logits, torch.cat(list(targets)), counted, POSITIVE_WEIGHT)

    def _score(self, document: GivenDocument, pairs: Tensor, labels: RelationLabels) -> PairScores:
        words = self._prompter.words([document.text])[0]
        spans, owner = self._mentions(document, words)
        device = next(self.parameters()).device
        columns = [torch.zeros(len(pairs), 0, device=device)]
        for prompt, count in self._prompts(document, labels):
            best = torch.full((len(pairs), count), NO_EVIDENCE, device=device)
            room = self.options.window - self._prompter.length(prompt)
            for start, end in windows(words, room):
                inside = [i for i, (a, b) in enumerate(spans) if start <= a and b < end]
                which, among = _together([owner[i] for i in inside], pairs)
                if len(which):
                    at = [(0, spans[i][0] - start, spans[i][1] - start) for i in inside]
                    logits = self._window(prompt, part_of(words, start, end), at, among.to(device))
                    index = which.to(device)[:, None].expand_as(logits)
                    best = best.scatter_reduce(0, index, logits.float(), "amax")
            columns.append(best)
        return PairScores(torch.cat(columns, dim=1), torch.zeros(len(pairs), device=device))

    def _window(
        self, prompt: Labels, words: Words, spans: list[tuple[int, int, int]], pairs: Tensor
    ) -> Tensor:
        """Logits (P, R) of pairs of spans (P, 2) in one window."""
        states = self.network.encode(self._prompter.batch([prompt], [words]).to(pairs.device))
        at = torch.tensor(spans, device=pairs.device)
        vectors = self.network.span_vectors(self.network.sides(states), at)
        return self.network.pair_logits(states, vectors, pairs.new_zeros(len(pairs)), pairs)

    def _mentions(
        self, document: GivenDocument, words: Words
    ) -> tuple[list[tuple[int, int]], list[int]]:
        """First and last word of each mention that touches one, and the entity it belongs to.

        Of a mention with more words than the model reads as a span the last ones stand for it.
        """
        starts, ends = [a for a, _ in words.spans], [b for _, b in words.spans]
        spans, owner = [], []
        for index, entity in enumerate(document.entities):
            for start, end in entity.mentions:
                first, last = bisect_right(ends, start), bisect_left(starts, end) - 1
                if first <= last:
                    spans.append((max(first, last - self.network.config.max_width + 1), last))
                    owner.append(index)
        return spans, owner

    def _prompts(
        self, document: GivenDocument, labels: RelationLabels
    ) -> Iterator[tuple[Labels, int]]:
        """Prompts that hold all the labels in order, each with the number of its labels."""
        types = sorted({entity.type for entity in document.entities})
        most = int(self.options.window * PROMPT_SHARE)
        start, names = 0, list(labels.names)
        bare = self._prompter.length(self._prompter.labels(types, []))
        sizes = [self._prompter.length(self._prompter.labels(types, [name])) for name in names]
        while start < len(names):
            end, size = start + 1, sizes[start]
            while end < len(names) and size + sizes[end] - bare <= most:
                size += sizes[end] - bare
                end += 1
            yield self._prompter.labels(types, names[start:end]), end - start
            start = end


def windows(words: Words, room: int) -> Iterator[tuple[int, int]]:
    """First word and end of windows of at most `room` tokens, each begun amid the one before.

    Raises:
        ModelError: There is no room for a word.
    """
    begins = token_starts(words)
    start = 0
    while start < len(words.spans):
        end = bisect_right(begins, begins[start] + room) - 1
        end = min(max(end, start), len(words.spans))
        if end == start:
            raise ModelError("the labels leave no room for the text; ask for fewer at once")
        yield start, end
        if end == len(words.spans):
            return
        start = (start + end + 1) // 2


def _together(owner: Sequence[int], pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs of mentions for pairs of entities.

    Returns:
        Which row of `pairs` each pair of mentions belongs to (P), and the mentions (P, 2), as
        indices of `owner`.
    """
    of: dict[int, list[int]] = {}
    for index, entity in enumerate(owner):
        of.setdefault(entity, []).append(index)
    found = [
        (row, head, tail)
        for row, (h, t) in enumerate(pairs.tolist())
        for head in of.get(h, ())
        for tail in of.get(t, ())
    ]
    table = torch.tensor(found, dtype=torch.long).view(-1, 3)
    return table[:, 0], table[:, 1:]


def from_joint(folder: Path) -> RelexRelations:
    """Make a scorer of a joint model's checkpoint, trained as it is.

    Raises:
        ModelError: The checkpoint cannot be loaded, or finds pairs in a way of its own.
    """
    network, _ = load(folder)
    config = network.config
    if config.relations_layer != "none" or config.triples_layer is not None:
        raise ModelError(f"{folder}: only a model with a plain pair head scores given entities")
    options = Options(asdict(config), window(folder))
    made = RelexRelations(network.encoder.transformer, read_tokenizer(folder), None, options)
    made.network.load_state_dict(network.state_dict())
    return made.eval()
