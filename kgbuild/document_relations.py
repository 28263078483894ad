"""Relations read off whole documents, by a trained system of `kgbuild.models.docre`.

The joint model says where things are mentioned, and sees relations inside one chunk. Here the
mentions of a document become entities, by the rules that resolution has for one document, and a
system scores every pair of entities that the ontology lets stand together. What it finds is shown
where the two are mentioned nearest to one another.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from kgbuild.datatypes import Mention, Relation, Span
from kgbuild.decoding import Edge, apply_axioms
from kgbuild.errors import ModelError
from kgbuild.ontology import Ontology
from kgbuild.resolution import Name, resolve

if TYPE_CHECKING:
    from torch import Tensor

_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class MentionedEntity:
    """What some mentions of one document name, in order of position; at least one."""

    type: str
    mentions: tuple[Mention, ...]


class DocumentRelations:
    """A trained system, and the ontology whose relations it is asked for.

    Args:
        folder: Of the system.
        name: What to call it in evidence.
        ontology: Its relation types are asked for by their labels.
        device: Where to run.
        rerank: Folder of the adapted predicates that read again what the system is unsure of.

    Raises:
        ModelError: A system cannot be loaded, or does not know one of the relation types.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        ontology: Ontology,
        device: str,
        rerank: Path | None = None,
    ) -> None:
        from kgbuild.models.docre.documents import RelationLabels
        from kgbuild.models.docre.reranked import load_finder

        self._name, self._ontology = name, ontology
        self._relations = tuple(ontology.relations.values())
        self._system = load_finder(folder, rerank, device)
        known = self._system.known
        learned = dict(zip(known.names, known.descriptions, strict=True)) if known else {}
        self._labels = RelationLabels(
            tuple(relation.label for relation in self._relations),
            tuple(learned.get(one.label, one.description) for one in self._relations),
        )
        if known:
            try:
                self._system.columns(self._labels)
            except ModelError as error:
                raise ModelError(f"{folder}: {error}") from None

    def between(
        self, document_id: str, text: str, mentions: Sequence[Mention]
    ) -> tuple[Relation, ...]:
        """Find the relations between what a document mentions, in order of position."""
        entities = entities_of(document_id, mentions, self._ontology)
        pairs, allowed = self._pairs(entities)
        if not len(pairs):
            return ()
        found: dict[Edge, float] = {}
        at: dict[Span, Mention] = {}
        for row, column, score in self._found(text, entities, pairs, allowed):
            head, tail = nearest(*(entities[i] for i in pairs[row].tolist()))
            at |= {head.span: head, tail.span: tail}
            found[head.span, self._relations[column].name, tail.span] = score
        owner = {m.span: str(i) for i, entity in enumerate(entities) for m in entity.mentions}
        kept = apply_axioms(found, owner.__getitem__, self._ontology)
        return tuple(
            Relation(at[head], at[tail], type, round(score, _DECIMALS), self._name)
            for (head, type, tail), score in sorted(kept.items())
        )

    def _pairs(self, entities: Sequence[MentionedEntity]) -> "tuple[Tensor, Tensor]":
        """Pairs of entities that some relation may lead between, and which relations may.

        Returns:
            Heads and tails (M, 2), and what is allowed (M, R).
        """
        import torch

        types = list({entity.type: None for entity in entities})
        names = [relation.name for relation in self._relations]
        told = [self._ontology.allows(*of) for of in product(names, types, types)]
        by_name = torch.tensor(told, dtype=torch.bool).view(len(names), len(types), len(types))
        may = by_name.permute(1, 2, 0)
        of = torch.tensor([types.index(entity.type) for entity in entities], dtype=torch.long)
        some = may.any(dim=2)[of][:, of].fill_diagonal_(False)  # noqa: FBT003  # PyTorch's own
        pairs = torch.nonzero(some)
        return pairs, may[of[pairs[:, 0]], of[pairs[:, 1]]]

    def _found(
        self, text: str, entities: Sequence[MentionedEntity], pairs: "Tensor", allowed: "Tensor"
    ) -> Iterator[tuple[int, int, float]]:
        """Rows of pairs and the relations that they have, with probabilities."""
        import torch

        from kgbuild.models.docre.documents import GivenDocument, GivenEntity

        given = tuple(
            GivenEntity(
                self._ontology.entities[entity.type].label,
                tuple(mention.span for mention in entity.mentions),
            )
            for entity in entities
        )
        odds = self._system.odds(GivenDocument(text, given), pairs, self._labels, allowed)
        odds = odds.masked_fill(~allowed, -torch.inf)  # or it would take the place of another
        scores, likely = torch.sigmoid(odds), self._system.likely(odds)
        for column, relation in enumerate(self._relations):
            # One that was calibrated belongs to the scores of the joint model.
            if relation.threshold is not None and relation.calibration is None:
                likely[:, column] = scores[:, column] > relation.threshold
        rows = torch.nonzero(likely & allowed)
        for (row, column), score in zip(rows.tolist(), scores[tuple(rows.T)].tolist(), strict=True):
            yield row, column, score


def system_folder(name: str | Path, model: str | Path) -> Path:
    """Find the folder of a system; of `relex`, that is the joint model's own.

    Raises:
        ModelError: There is no such folder.
    """
    from kgbuild.models import model_folder
    from kgbuild.models.docre import SYSTEMS

    if Path(name).is_dir():
        return Path(name)
    if name == "relex":
        return model_folder(model)
    if name in SYSTEMS:
        raise ModelError(
            f"relations '{name}': no trained one is in the box; `kgbuild train --system {name}`"
            " makes one, whose folder is to be given here"
        )
    raise ModelError(f"relations '{name}': no such folder; give that of a trained system")


def entities_of(
    document_id: str, mentions: Sequence[Mention], ontology: Ontology
) -> list[MentionedEntity]:
    """Group a document's mentions into entities and values, in order of their first mention.

    Mentions that name nothing, such as a "she" that no rule resolves, are left out.
    """
    of_name: dict[tuple[str, str], list[Mention]] = defaultdict(list)
    for mention in mentions:
        of_name[mention.type, mention.text].append(mention)
    things = (
        Name(document_id, *name, len(of))
        for name, of in of_name.items()
        if not ontology.is_literal(name[0])
    )
    clusters = resolve(things, ontology).clusters
    entities = [
        _entity(cluster.type, (m for name in cluster.names for m in of_name[name.type, name.text]))
        for cluster in clusters
    ]
    entities += [
        _entity(type, of) for (type, _), of in of_name.items() if ontology.is_literal(type)
    ]
    return sorted(entities, key=lambda entity: entity.mentions[0].span)


def _entity(type: str, mentions: Iterable[Mention]) -> MentionedEntity:
    return MentionedEntity(type, tuple(sorted(mentions, key=lambda mention: mention.span)))


def nearest(head: MentionedEntity, tail: MentionedEntity) -> tuple[Mention, Mention]:
    """The mentions of two entities with the fewest characters between them; of those, the first."""
    best = (math.inf, math.inf)
    found = head.mentions[0], tail.mentions[0]
    i = j = 0
    while i < len(head.mentions) and j < len(tail.mentions):
        a, b = head.mentions[i], tail.mentions[j]
        key = (max(a.start, b.start) - min(a.end, b.end), min(a.start, b.start))
        if key < best:
            best, found = key, (a, b)
        if a.end < b.end:
            i += 1
        else:
            j += 1
    return found
