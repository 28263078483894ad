"""Records → examples: which text, which labels, how they are worded, what counts as negative.

Three things make a model answer labels it has never seen: labels are reworded, described, turned
round or left out at random; labels that are not in the text come from the same inventory, so that
they are hard to tell apart, those that resemble what is in the text first; and several records
share one input, so that most pairs of entities are unrelated, as in real text.
"""

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from kgbuild.training.data import UNTYPED, Record, Span
from kgbuild.training.inventory import Inventory, Likeness

UNKNOWN, NEGATIVE, POSITIVE = -1, 0, 1
_SAMPLED_PAIRS = 0.3
"""Share of the unlabelled pairs of a text, not annotated exhaustively, that count as negative."""
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Example:
    """One input of the model with its answers.

    Attributes:
        mentions: Character spans.
        types: (mentions, entity labels): POSITIVE, NEGATIVE or UNKNOWN.
        relations: (mentions, mentions, relation labels): POSITIVE, NEGATIVE or UNKNOWN.
        spans_known: Whether every span that is not a mention is known to have no label.
        pairs_known: Whether a span that is not a mention can be used as a negative end.
    """

    text: str
    entity_labels: tuple[str, ...]
    relation_labels: tuple[str, ...]
    mentions: tuple[Span, ...]
    types: NDArray[np.int8]
    relations: NDArray[np.int8]
    spans_known: bool
    pairs_known: bool


@dataclass(frozen=True, slots=True)
class Wording:
    """Other ways to say a type; `inverse` ones say it from tail to head."""

    names: tuple[str, ...] = ()
    inverse: tuple[str, ...] = ()
    description: str = ""
    symmetric: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """A type as it is shown in one example."""

    type: str
    text: str
    inverse: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A window of one record: its text, and the mentions and relations that lie in it."""

    record: Record
    text: str
    mentions: tuple[tuple[int, Span], ...]
    """(entity, span within `text`)"""


@dataclass
class Mix:
    """How examples are drawn. The defaults are those of the bundled model's recipe."""

    words: tuple[int, int] = (25, 150)
    """An example's text is filled up to a number of words drawn from this range."""
    max_entity_labels: int = 16
    max_relation_labels: int = 24
    reword: float = 0.45
    turn_round: float = 0.12
    describe: float = 0.15
    drop_labels: float = 0.3
    """How often some of the labels that the text does not need are left out."""
    hard: float = 0.5
    """How often types that are easily taken for those in the text come first among the others."""
    wordings: Mapping[str, Mapping[str, Wording]] = field(default_factory=lambda: load_wordings())


def load_wordings() -> dict[str, dict[str, Wording]]:
    """Read `paraphrases.yaml`: other wordings of the types that the training sets use."""
    raw = yaml.safe_load(
        resources.files("kgbuild.training").joinpath("paraphrases.yaml").read_text("utf-8")
    )
    return {kind: {name: _wording(entry) for name, entry in raw[kind].items()} for kind in raw}


def _wording(entry: Mapping[str, Any]) -> Wording:
    return Wording(
        tuple(map(str, entry.get("names", ()))),
        tuple(map(str, entry.get("inverse", ()))),
        str(entry.get("description", "")),
        bool(entry.get("symmetric", False)),
    )


class Examples:
    """Draws an endless stream of examples from weighted sources."""

    def __init__(
        self,
        records: Mapping[str, Sequence[Record]],
        weights: Mapping[str, float],
        mix: Mix,
        seed: int,
    ) -> None:
        self._mix = mix
        self._random = random.Random(seed)
        self._names = sorted(records)
        self._weights = [weights.get(name, 1.0) for name in self._names]
        self._groups: dict[str, list[list[Record]]] = {}
        self._inventory: dict[str, Inventory] = {}
        for name in self._names:
            groups: dict[str, list[Record]] = defaultdict(list)
            for record in records[name]:
                groups[record.group].append(record)
            self._groups[name] = list(groups.values())
            for key, members in groups.items():
                self._inventory[key] = Inventory(members)

    def __iter__(self) -> Iterator[Example]:
        while True:
            name = self._random.choices(self._names, self._weights)[0]
            groups = self._groups[name]
            group = self._random.choices(groups, [len(g) for g in groups])[0]
            example = self._draw(group)
            if example is not None:
                yield example

    def _draw(self, group: Sequence[Record]) -> Example | None:
        budget = self._random.randint(*self._mix.words)
        parts: list[Part] = []
        while budget > 0 and len(parts) < 8:
            part = self._window(self._random.choice(group), max(budget, 25))
            if any(part.record is other.record for other in parts):
                break
            parts.append(part)
            budget -= len(part.text.split())
        labels = self._labels(parts)
        if not any(labels):
            return None
        return assemble(parts, *labels, self._mix.wordings["relations"], self._random)

    def _window(self, record: Record, words: int) -> Part:
        """Cut a window of whole sentences of about `words` words."""
        start, end = 0, len(record.text)
        if len(record.text.split()) > words + 20:
            cuts = [0, *(m.end() for m in _SENTENCE_END.finditer(record.text)), end]
            first = self._random.randrange(len(cuts) - 1)
            start = end = cuts[first]
            for cut in cuts[first + 1 :]:
                if end > start and len(record.text[start:cut].split()) > words:
                    break
                end = cut
            end = min(end, start + 12 * words)
        return clip(record, start, end)

    def _labels(self, parts: Sequence[Part]) -> tuple[list[Label], list[Label]]:
        record = parts[0].record
        inventory = self._inventory[record.group]
        present, related = set(), set()
        for part in parts:
            inside = {entity for entity, _ in part.mentions}
            present |= {part.record.types[e] for e in inside}
            said = (*part.record.relations, *part.record.denied)
            related |= {name for head, name, tail in said if {head, tail} <= inside}
            if part.record.known_relations is not None:
                related |= part.record.known_relations
        entity = self._choose(present - UNTYPED, inventory.entities, self._mix.max_entity_labels)
        relation = self._choose(related, inventory.relations, self._mix.max_relation_labels)
        if record.known_relations is not None:
            relation = [name for name in relation if name in related]
        return (
            self._worded("entities", entity, record.entity_types),
            self._worded("relations", relation, record.relation_types),
        )

    def _choose(self, needed: set[str], inventory: Likeness, most: int) -> list[str]:
        kept = sorted(needed)
        self._random.shuffle(kept)
        kept = kept[:most]
        room = most - len(kept)
        if self._random.random() < self._mix.drop_labels:
            room = self._random.randint(0, room)
        chosen = kept + self._others(needed, inventory)[:room]
        self._random.shuffle(chosen)
        return chosen

    def _others(self, needed: set[str], inventory: Likeness) -> list[str]:
        """The types that are not needed, in random order, now and then the likest rather first.

        An order with weights is that of u ** (1 / weight), u uniform (Efraimidis and Spirakis
        2006).
        """
        hard = self._random.random() < self._mix.hard

        def key(name: str) -> float:
            weight = 1.0 + 8.0 * inventory.likest(name, needed) if hard else 1.0
            return float(self._random.random() ** (1.0 / weight))

        return sorted((name for name in inventory.names if name not in needed), key=key)[::-1]

    def _worded(self, kind: str, names: Sequence[str], own: Mapping[str, str]) -> list[Label]:
        labels: dict[str, Label] = {}
        for name in names:
            label = self._reword(name, self._mix.wordings[kind].get(name, Wording()), own.get(name))
            labels.setdefault(label.text.casefold(), label)
        return list(labels.values())

    def _reword(self, name: str, wording: Wording, own: str | None) -> Label:
        mix, text, inverse = self._mix, name, False
        draw = self._random.random()
        if wording.inverse and draw < mix.turn_round:
            text, inverse = self._random.choice(wording.inverse), not wording.symmetric
        elif wording.names and draw < mix.turn_round + mix.reword:
            text = self._random.choice(wording.names)
        description = own or wording.description
        if description and not inverse and self._random.random() < mix.describe * (2 if own else 1):
            text = f"{text}: {description}"
        elif self._random.random() < 0.05:
            text = self._random.choice([text.replace(" ", "_"), text.upper(), _camel(text)])
        return Label(name, text, inverse)


def clip(record: Record, start: int, end: int) -> Part:
    """Keep what lies wholly between two characters of a record."""
    mentions = tuple(
        (entity, (s - start, e - start))
        for entity, spans in enumerate(record.mentions)
        for s, e in spans
        if start <= s and e <= end
    )
    return Part(record, record.text[start:end], mentions)


def assemble(
    parts: Sequence[Part],
    entity_labels: Sequence[Label],
    relation_labels: Sequence[Label],
    wordings: Mapping[str, Wording],
    draw: random.Random,
) -> Example:
    """Join windows into one text and work out what is positive, negative and unknown."""
    text, offsets = "", []
    for part in parts:
        text += "\n" if text else ""
        offsets.append(len(text))
        text += part.text
    owners = [(p, entity) for p, part in enumerate(parts) for entity, _ in part.mentions]
    spans = [
        (s + offsets[p], e + offsets[p])
        for p, part in enumerate(parts)
        for _, (s, e) in part.mentions
    ]
    return Example(
        text,
        tuple(label.text for label in entity_labels),
        tuple(label.text for label in relation_labels),
        tuple(spans),
        _type_targets(parts, owners, entity_labels),
        _relation_targets(parts, owners, spans, relation_labels, wordings, draw),
        all(part.record.exhaustive_entities for part in parts),
        all(part.record.exhaustive_relations for part in parts),
    )


def _type_targets(
    parts: Sequence[Part], owners: Sequence[tuple[int, int]], labels: Sequence[Label]
) -> NDArray[np.int8]:
    targets = np.zeros((len(owners), len(labels)), np.int8)
    for i, (p, entity) in enumerate(owners):
        own = parts[p].record.types[entity]
        if own in UNTYPED:
            targets[i] = UNKNOWN
        else:
            targets[i] = [label.type == own for label in labels]
    return targets


def _relation_targets(
    parts: Sequence[Part],
    owners: Sequence[tuple[int, int]],
    spans: Sequence[Span],
    labels: Sequence[Label],
    wordings: Mapping[str, Wording],
    draw: random.Random,
) -> NDArray[np.int8]:
    n = len(owners)
    targets = np.full((n, n, len(labels)), NEGATIVE, np.int8)
    column = {label.type: c for c, label in enumerate(labels)}
    for p, part in enumerate(parts):
        members = [i for i, (owner, _) in enumerate(owners) if owner == p]
        block = np.ix_(members, members)
        mentions: dict[int, list[int]] = defaultdict(list)
        for i in members:
            mentions[owners[i][1]].append(i)
        if not part.record.exhaustive_relations:
            targets[block] = _within(part.record, mentions, members, labels, draw)
        for head, name, tail in part.record.relations:
            if name in column and head in mentions and tail in mentions:
                symmetric = wordings.get(name, Wording()).symmetric
                _mark(targets, mentions[head], mentions[tail], column[name], spans, symmetric)
        for head, name, tail in part.record.denied:
            if name in column and head in mentions and tail in mentions:
                targets[np.ix_(mentions[head], mentions[tail], [column[name]])] = NEGATIVE
    for c, label in enumerate(labels):
        if label.inverse:
            targets[:, :, c] = targets[:, :, c].T.copy()
    return targets


def _within(
    record: Record,
    mentions: Mapping[int, Sequence[int]],
    members: Sequence[int],
    labels: Sequence[Label],
    draw: random.Random,
) -> NDArray[np.int8]:
    """Inside a record that is not annotated exhaustively: what is known to be negative.

    A sample of its other pairs counts as negative too: nearly all are, and without one a model
    says yes to every pair once it is asked with the labels of such a text.
    """
    index = {i: k for k, i in enumerate(members)}
    known = np.full((len(members), len(members), len(labels)), UNKNOWN, np.int8)
    if record.known_relations is not None:
        for c, label in enumerate(labels):
            if label.type in record.known_relations:
                known[:, :, c] = NEGATIVE
        return known
    for i, j in np.ndindex(known.shape[:2]):
        if draw.random() < _SAMPLED_PAIRS:
            known[i, j] = NEGATIVE
    pairs = [(h, t) for h, _, t in record.relations] + list(record.negative_pairs)
    for head, tail in {*pairs, *((t, h) for h, t in pairs)}:
        for i in mentions.get(head, ()):
            for j in mentions.get(tail, ()):
                known[index[i], index[j]] = NEGATIVE
    return known


def _mark(
    targets: NDArray[np.int8],
    heads: Sequence[int],
    tails: Sequence[int],
    column: int,
    spans: Sequence[Span],
    symmetric: bool,
) -> None:
    """Mark the nearest pair of mentions; whether the others express the relation is unknown."""
    for i in heads:
        for j in tails:
            targets[i, j, column] = UNKNOWN
            if symmetric:
                targets[j, i, column] = UNKNOWN
    pairs = [(i, j) for i in heads for j in tails if i != j]
    if not pairs:
        return
    i, j = min(pairs, key=lambda pair: abs(spans[pair[0]][0] - spans[pair[1]][0]))
    targets[i, j, column] = POSITIVE
    if symmetric:
        targets[j, i, column] = POSITIVE


def _camel(text: str) -> str:
    first, *rest = text.split() or [""]
    return first + "".join(word.capitalize() for word in rest)
