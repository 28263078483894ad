"""Annotated records → what document-level systems learn from: documents, pairs, labels, answers."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from kgbuild.errors import DocumentError
from kgbuild.models.docre.documents import GivenDocument, GivenEntity, RelationLabels
from kgbuild.training.data import Record

MOST_PAIRS = 2000
"""Unrelated pairs of a document that are learned from at once: they take memory."""


@dataclass(frozen=True, slots=True)
class Task:
    """A record as it is put to a system.

    Attributes:
        labels: The R relation types of its source.
        pairs: (M, 2) The pairs that the annotation speaks of: all, where it is exhaustive.
        facts: (K, 2) Which of them have which of the labels, by number: few of many.
        evidence: (M, S) How much each of them rests on each of S sentences: rows that sum to 1, or
            to 0 where the annotation does not say. None where it never does.
    """

    record: Record
    document: GivenDocument
    labels: RelationLabels
    pairs: Tensor
    facts: Tensor
    evidence: Tensor | None = None

    @property
    def targets(self) -> Tensor:
        """Which relations each pair has, (M, R) of 0 and 1."""
        targets = torch.zeros(len(self.pairs), len(self.labels.names))
        targets[tuple(self.facts.T)] = 1
        return targets

    @property
    def teaches(self) -> bool:
        """Whether anything is asked."""
        return len(self.pairs) > 0 and len(self.labels.names) > 0

    @property
    def is_complete(self) -> bool:
        """Whether all was looked for, so that what is not annotated does not hold."""
        return self.record.exhaustive_relations and self.record.known_relations is None

    def asked(self, labels: RelationLabels) -> "Task":
        """The same with other labels, its own among them; what is new does not hold."""
        at = [labels.names.index(name) for name in self.labels.names]
        column = torch.tensor(at, dtype=torch.long)
        facts = torch.stack([self.facts[:, 0], column[self.facts[:, 1]]], dim=1)
        return replace(self, labels=labels, facts=facts)

    def sample(
        self,
        negatives: int | None,
        generator: np.random.Generator,
        most: int | None = None,
    ) -> "Task":
        """The same with so many unrelated pairs for each related one; None: all.

        A document without relations has as many as one with a single related pair. At `most` so
        many pairs are drawn, of both kinds.
        """
        is_related = torch.zeros(len(self.pairs), dtype=torch.bool)
        is_related[self.facts[:, 0]] = True
        related, rest = (torch.nonzero(which).flatten() for which in (is_related, ~is_related))
        if most is not None:
            related = _some(related, max(1, most // (1 + (negatives or 1))), generator)
        limit = MOST_PAIRS if negatives is None else negatives * max(1, len(related))
        rest = _some(rest, limit if most is None else min(limit, most), generator)
        chosen = torch.cat([related, rest]).sort().values
        row = torch.full((len(self.pairs),), -1).index_copy(0, chosen, torch.arange(len(chosen)))
        facts = torch.stack([row[self.facts[:, 0]], self.facts[:, 1]], dim=1)
        return replace(
            self,
            pairs=self.pairs[chosen],
            facts=facts[facts[:, 0] >= 0],
            evidence=None if self.evidence is None else self.evidence[chosen],
        )


def _some(rows: Tensor, most: int, generator: np.random.Generator) -> Tensor:
    """At most so many of them, by chance."""
    if len(rows) <= most:
        return rows
    return torch.from_numpy(generator.choice(rows.numpy(), most, replace=False))


def given(record: Record) -> GivenDocument:
    """The text of a record, its entities and, where there is evidence, its sentences.

    Raises:
        DocumentError: An entity is mentioned nowhere.
    """
    if not all(record.mentions):
        nowhere = [bool(mentions) for mentions in record.mentions].index(False)
        raise DocumentError(f"record '{record.id}': its entity {nowhere} has no mentions")
    entities = zip(record.types, record.mentions, strict=True)
    sentences = record.sentences if record.evidence else ()
    return GivenDocument(record.text, tuple(GivenEntity(*one) for one in entities), sentences)


def labels_of(records: Sequence[Record]) -> RelationLabels:
    """The relation types of some records: those that they come with, and all that occur."""
    described: dict[str, str] = {}
    for record in records:
        described |= record.relation_types
        for _, name, _ in (*record.relations, *record.denied):
            described.setdefault(name, "")
    names = sorted(described)
    return RelationLabels(tuple(names), tuple(described[name] for name in names))


def tasks(records: Sequence[Record], labels: RelationLabels | None = None) -> list[Task]:
    """Put records to a system, in their order.

    Args:
        records: Of any sources.
        labels: To ask for; by default, of each record those of its source.

    Raises:
        DocumentError: A record has a relation that is not asked for, or an entity no mentions.
    """
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.group].append(record)
    asked = {name: labels or labels_of(members) for name, members in groups.items()}
    return [_task(record, _looked_for(record, asked[record.group])) for record in records]


def _looked_for(record: Record, labels: RelationLabels) -> RelationLabels:
    """Those of which the annotation says where they hold."""
    if record.known_relations is None:
        return labels
    told = {name for _, name, _ in (*record.relations, *record.denied)}
    both = zip(labels.names, labels.descriptions, strict=True)
    kept = [one for one in both if one[0] in record.known_relations | told]
    return RelationLabels(tuple(name for name, _ in kept), tuple(text for _, text in kept))


def _task(record: Record, labels: RelationLabels) -> Task:
    document = given(record)
    pairs = document.pairs
    if not record.exhaustive_relations:
        spoken_of = set(_annotated(record))
        told = [(head, tail) in spoken_of for head, tail in pairs.tolist()]
        pairs = pairs[torch.tensor(told, dtype=torch.bool)]
    row = {pair: i for i, pair in enumerate(map(tuple, pairs.tolist()))}
    column = {name: i for i, name in enumerate(labels.names)}
    facts = []
    for head, name, tail in dict.fromkeys(record.relations):
        if name not in column:
            raise DocumentError(f"record '{record.id}': its relation {name!r} is not asked for")
        if head != tail:
            facts.append((row[head, tail], column[name]))
    held = torch.tensor(facts, dtype=torch.long).view(-1, 2)
    return Task(record, document, labels, pairs, held, _evidence(record, row))


def _evidence(record: Record, row: Mapping[tuple[int, ...], int]) -> Tensor | None:
    """Each pair's sentences, all of the same weight; pairs by their row."""
    if not record.evidence:
        return None
    shares = torch.zeros(len(row), len(record.sentences))
    for (head, tail), numbers in record.evidence.items():
        if head != tail:
            shares[row[head, tail], sorted(numbers)] = 1 / len(numbers)
    return shares


def _annotated(record: Record) -> Iterator[tuple[int, int]]:
    """Pairs of which a record says something: what it says of one direction, it says of both."""
    for head, _, tail in (*record.relations, *record.denied):
        yield from ((head, tail), (tail, head))
    yield from record.negative_pairs


def pooled(every: Iterable[RelationLabels]) -> RelationLabels:
    """All labels of several sets; one that is in two of them is described as in the first."""
    described: dict[str, str] = {}
    for labels in every:
        described = dict(zip(labels.names, labels.descriptions, strict=True)) | described
    return RelationLabels(tuple(described), tuple(described.values()))


def draw(records: Sequence[Record], number: int, seed: int) -> list[Record]:
    """So many of the records, by chance; a draw of more contains the draw of fewer."""
    return random.Random(seed).sample(list(records), len(records))[:number]
