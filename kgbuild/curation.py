"""What people decide on entities: merge, split, undo, and the questions that the machine has left.

A decision is kept by the names that the entities have when it is given, and nothing is destroyed
by it: the graph is computed from what the documents say and from the decisions that hold.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kgbuild.connectors.embedded import EmbeddedGraph
from kgbuild.datatypes import Entity
from kgbuild.errors import QueryError
from kgbuild.ledger import add_judgements, judgements, known, remove_judgement
from kgbuild.resolution import Judgement, Key, Name, labels_of, things_of

UNCERTAIN = (0.3, 0.9)  # what scores from the one to below the other is worth a look

_Side = frozenset[Key]


@dataclass(frozen=True, slots=True)
class MachineDecision:
    """What resolution decided on two names; `right` is empty for a name that is left out."""

    kind: str
    left: str
    right: str
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class EntityDetails:
    """An entity, and why it is what it is.

    Attributes:
        names: Every text by which a document names it.
        decisions: What resolution decided on these names.
        judgements: What people have decided on them.
    """

    entity: Entity
    names: tuple[Name, ...]
    decisions: tuple[MachineDecision, ...]
    judgements: tuple[Judgement, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """Whether two names mean one thing, where the machine is not sure.

    Attributes:
        left: The entity that the left name is of; it may be that of the right name, too.
        score: How likely the machine finds it.
        keys: Where the two names are from.
    """

    left: Entity
    left_name: str
    right: Entity
    right_name: str
    score: float
    reason: str
    keys: tuple[Key, Key]

    @property
    def are_one(self) -> bool:
        """Whether the graph has them as one thing now."""
        return self.left.id == self.right.id

    def to_json(self) -> dict[str, Any]:
        return {
            "left": {"id": self.left.id, "name": self.left_name},
            "right": {"id": self.right.id, "name": self.right_name},
            "merged": self.are_one,
            "score": self.score,
            "reason": self.reason,
        }


class Curation:
    """Reads and writes decisions; to bring the graph in step with them is the caller's part."""

    def __init__(self, graph: EmbeddedGraph) -> None:
        self._graph = graph
        self._ledger = graph.ledger

    def find(self, name: str) -> Entity:
        """The one entity of a name or id.

        Raises:
            QueryError: There is none, or there are several.
        """
        found = list(self._graph.entities(name))
        if not found:
            near = ", ".join(f"'{other}'" for other in self._graph.similar_names(name))
            hint = f"; near are {near}" if near else ""
            raise QueryError(f"nothing in the graph is called '{name}'{hint}")
        if len(found) > 1:
            ids = ", ".join(entity.id for entity in found)
            raise QueryError(f"'{name}' names several things; give the id of one: {ids}")
        return found[0]

    def details(self, name: str) -> EntityDetails:
        entity = self.find(name)
        names = tuple(self._names(entity))
        keys = {name.key for name in names}
        given = (j for j in judgements(self._ledger) if keys & (j.left | j.right))
        return EntityDetails(entity, names, tuple(self._decisions(entity)), tuple(given))

    def merge(self, entities: Iterable[str]) -> Key:
        """Call two or more entities one thing; a name of it."""
        ids = list(dict.fromkeys(self.find(name).id for name in entities))
        if len(ids) < 2:
            raise QueryError("to merge takes two different entities; all of these names mean one")
        left, *others = (self._side(self._graph_entity(id)) for id in ids)
        add_judgements(self._ledger, [(True, left, frozenset[Key]().union(*others))])
        return min(name.key for name in self._names(self._graph_entity(ids[0])))

    def split(
        self, entity: str, names: Collection[str], documents: Collection[str]
    ) -> tuple[Key, Key]:
        """Call some names of an entity, or those of some documents, another thing.

        Returns:
            A name of what was taken out, and one of what was left.
        """
        found = self.find(entity)
        spellings = {_folded(name) for name in names}
        has = list(self._names(found))
        out = frozenset(
            name.key
            for name in has
            if (not names or _folded(name.text) in spellings)
            and (not documents or name.document_id in documents)
        )
        rest = self._side(found) - out
        if not out or len(out) == len(has):
            what = "none" if not out else "all"
            raise QueryError(f"{what} of the names of '{found.id}' would be taken out; see `show`")
        add_judgements(self._ledger, [(False, out, rest)])
        return min(out), min({name.key for name in has} - out)

    def undo(self, number: int | None = None) -> Judgement:
        """Take back the last decision, or the one of a number.

        Raises:
            QueryError: There is none, or a later one builds on it.
        """
        given = judgements(self._ledger)
        chosen = [j for j in given if number in (None, j.number)][-1:]
        if not chosen:
            which = "no decision" if number is None else f"no decision {number}"
            raise QueryError(f"there is {which} to undo")
        [undone] = chosen
        later = [j.number for j in given if j.number > undone.number and _builds_on(j, undone)]
        if later:
            raise QueryError(
                f"decision {undone.number} cannot be undone before decision {max(later)},"
                " which builds on it"
            )
        remove_judgement(self._ledger, undone.number)
        return undone

    def entity_of(self, key: Key) -> Entity:
        """The entity that a document means by a name."""
        return self._graph_entity(self._id_of(key) or "")

    def _id_of(self, key: Key) -> str | None:
        id: str | None = self._ledger.database.value(
            "SELECT e.id FROM documents d JOIN clusters c ON c.document = d.key"
            " JOIN entities e ON e.key = c.entity"
            " WHERE d.current AND (d.id, c.type, c.name) = (?, ?, ?)",
            key,
        )
        return id

    def questions(self, limit: int | None = None) -> list[Question]:
        """What the machine is unsure of, the most uncertain first; each pair of things once."""
        found: dict[tuple[str, ...], Question] = {}
        label = labels_of(judgements(self._ledger))
        for question in self._doubts():
            left, right = question.keys
            if left in label and label[left] == label.get(right):
                continue
            pair = sorted([question.left.id, question.right.id])
            if question.are_one:
                pair += sorted([_folded(question.left_name), _folded(question.right_name)])
                if pair[2] == pair[3]:
                    continue
            found.setdefault(tuple(pair), question)
            if len(found) == limit:
                break
        return list(found.values())

    def answer(self, answers: Iterable[tuple[Question, bool]]) -> list[int]:
        """Keep what people say to questions; the numbers of the decisions.

        Raises:
            QueryError: A question is no longer open, as its documents have changed.
        """
        given = [(same, *self._sides(question)) for question, same in answers]
        return add_judgements(self._ledger, given) if given else []

    def _sides(self, question: Question) -> tuple[_Side, _Side]:
        """Of the two things as they are now: documents may have changed since it was asked."""
        ids = [self._id_of(key) for key in question.keys]
        if None in ids:
            names = f"'{question.left_name}' and '{question.right_name}'"
            raise QueryError(f"the documents with {names} have changed meanwhile; review again")
        left, right = (self._side(self._graph_entity(id)) for id in ids if id)
        if left != right:
            return left, right
        wanted = _folded(question.left_name)
        out = frozenset(key for key in left if _folded(key[2]) == wanted)
        return out, left - out

    def _side(self, entity: Entity) -> _Side:
        """Its names in documents, and those under which it was known or decided on before."""
        things = known(self._ledger)
        before = frozenset[Key]().union(*(one.keys for one in things if one.id == entity.id))
        judged = self._ledger.database.value(
            "SELECT judged FROM entities WHERE id = ? AND judged <> ''", (entity.id,)
        )
        if judged:
            before |= things_of(judgements(self._ledger), things)[tuple(json.loads(judged))]
        return before.union(name.key for name in self._names(entity))

    def _names(self, entity: Entity) -> Iterator[Name]:
        """By document, type and text."""
        rows = self._ledger.database.rows(
            "SELECT d.id, c.type, c.name, count(*)"
            " FROM entities e JOIN clusters c ON c.entity = e.key"
            " JOIN documents d ON d.key = c.document"
            " JOIN mentions m ON (m.document, m.type, m.text) = (d.key, c.type, c.name)"
            " WHERE e.id = ? GROUP BY d.id, c.type, c.name ORDER BY d.id, c.type, c.name",
            (entity.id,),
        )
        return (Name(*row) for row in rows)

    def _decisions(self, entity: Entity) -> Iterator[MachineDecision]:
        rows = self._ledger.database.rows(
            f"SELECT DISTINCT kind, left_name, coalesce(right_name, ''), score, reason"  # noqa: S608
            f" FROM ({_DECIDED}) WHERE ? IN (left_id, right_id)"
            " ORDER BY kind, left_name, right_name, score, reason",
            (entity.id,),
        )
        return (MachineDecision(*row) for row in rows)

    def _doubts(self) -> Iterator[Question]:
        rows = self._ledger.database.rows(
            f"SELECT * FROM ({_DECIDED}) WHERE score >= ? AND score < ?"  # noqa: S608
            " AND left_id IS NOT NULL AND right_id IS NOT NULL"
            " ORDER BY abs(score - 0.5), left_id, right_id, left_name, right_name, reason",
            UNCERTAIN,
        )
        for _, *names, score, reason, left_id, right_id in rows:
            left, right = names[:3], names[3:]
            ends = (self._graph_entity(left_id), left[2], self._graph_entity(right_id), right[2])
            yield Question(*ends, score, reason, (tuple(left), tuple(right)))

    def _graph_entity(self, id: str) -> Entity:
        return next(self._graph.entities(id))


_DECIDED = """
    SELECT x.kind, x.left_document, x.left_type, x.left_name,
        x.right_document, x.right_type, x.right_name, x.score, x.reason,
        l.id AS left_id, r.id AS right_id
    FROM decisions x
    LEFT JOIN documents ld ON ld.id = x.left_document AND ld.current
    LEFT JOIN documents rd ON rd.id = x.right_document AND rd.current
    LEFT JOIN clusters lc ON (lc.document, lc.type, lc.name) = (ld.key, x.left_type, x.left_name)
    LEFT JOIN clusters rc ON (rc.document, rc.type, rc.name) = (rd.key, x.right_type, x.right_name)
    LEFT JOIN entities l ON l.key = lc.entity
    LEFT JOIN entities r ON r.key = rc.entity
"""


def _builds_on(later: Judgement, earlier: Judgement) -> bool:
    """Whether a judgement speaks of both things of an earlier one."""
    names = later.left | later.right
    return bool(names & earlier.left and names & earlier.right)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
