"""The default store: the graph in the ledger itself, read through SQL. No server, nothing to start.

Records come in a fixed order (entities by id; triples by head, type, tail; evidence by document and
place) and one at a time, so that a graph may be larger than memory.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from kgbuild.datatypes import Chunk, Entity, Evidence, Graph, Literal, Triple
from kgbuild.errors import StoreError
from kgbuild.ledger import Ledger, Row
from kgbuild.ontology import Ontology

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_ENTITY = "SELECT id, name, type, aliases, mentions FROM entities"


@dataclass(frozen=True)
class EmbeddedGraph:
    """The assembled graph of a ledger.

    Attributes:
        embedder: Turns texts into vectors, for stores that keep these.
    """

    ledger: Ledger
    embedder: "Callable[[Sequence[str]], npt.NDArray[np.float32]] | None" = None

    @property
    def ontology(self) -> Ontology:
        """The ontology that the graph was built with.

        Raises:
            StoreError: The ledger holds no graph yet.
        """
        path = self.ledger.database.path
        text = self.ledger.get("ontology")
        if text is None:
            raise StoreError(f"{path.parent}: nothing is built yet; ingest with an ontology first")
        return _parsed(text, str(path))

    @property
    def version(self) -> str:
        """Another text whenever the graph may have changed; empty before the first build."""
        return self.ledger.get("version") or ""

    @property
    def state(self) -> str:
        """`version`, or empty while documents have changed since the graph was assembled."""
        return "" if self.ledger.dirty else self.version

    def snapshot(self) -> AbstractContextManager[None]:
        """Inside it, every read sees the same graph, whatever other processes write."""
        return self.ledger.database.snapshot()

    def documents(self) -> Iterator[str]:
        """Ids of the documents, in order."""
        return (id for id, _ in self.ledger.documents())

    def sources(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Id and metadata of the documents, in order of id."""
        return self.ledger.documents()

    def models(self) -> Iterator[str]:
        """The models that said what is in the graph, in order."""
        rows = self.ledger.database.rows("SELECT DISTINCT model FROM relations ORDER BY model")
        return (model for (model,) in rows)

    def entities(self, name: str | None = None, type: str | None = None) -> Iterator[Entity]:
        """Entities, in order of id: all, or those of a name (or id, or alias) or a type.

        Case does not matter in names. A type includes the types below it.
        """
        filters, values = [], {}
        if name is not None:
            filters.append(_WITH_KEY)
            values["keys"] = json.dumps(self.keys(name))
        if type is not None:
            filters.append(_OF_TYPES)
            values["types"] = json.dumps(sorted(self.ontology.descendants(type)))
        rows = self.ledger.database.rows(f"{_ENTITY}{_where(filters)} ORDER BY key", values)
        return (_entity(row) for row in rows)

    def values(self) -> Iterator[Literal]:
        """Every value at the tail of a triple, once."""
        rows = self.ledger.database.rows(
            "SELECT DISTINCT datatype, value FROM triples WHERE tail IS NULL"
            " ORDER BY datatype, value"
        )
        return (Literal(value, datatype) for datatype, value in rows)

    def triples(
        self, head: str | None = None, type: str | None = None, tail: str | None = None
    ) -> Iterator[Triple]:
        """Triples with their evidence: all, or those of a head, a type, a tail.

        Ends are named by an entity's id, name or alias (case does not matter), a tail also by its
        value.
        """
        filters, values = [], {}
        if head is not None:
            filters.append(_BY_HEAD)
            values["heads"] = json.dumps(self.keys(head))
        if type is not None:
            filters.append(_BY_TYPE)
            values["type"] = type
        if tail is not None:
            filters.append(_BY_TAIL)
            values |= {"tails": json.dumps(self.keys(tail)), "value": tail}
        return self._edges(filters, values)

    def chunks(self) -> Iterator[tuple[Chunk, Mapping[str, int]]]:
        """Chunks in order of document and place, each with how often it mentions which entities."""
        rows = self.ledger.database.rows(
            """
            SELECT d.id, c.number, c.start, c."end", c.text, (
                SELECT json_group_array(e.id) FROM mentions m
                JOIN clusters k ON (k.document, k.type, k.name) = (m.document, m.type, m.text)
                JOIN entities e ON e.key = k.entity
                WHERE m.document = c.document AND m.start >= c.start AND m."end" <= c."end"
            )
            FROM documents d JOIN chunks c ON c.document = d.key
            WHERE d.current ORDER BY d.id, c.number
            """
        )
        for *fields, mentioned in rows:
            yield Chunk(*fields), Counter(sorted(json.loads(mentioned)))

    def embed(self, texts: Sequence[str]) -> "npt.NDArray[np.float32]":
        """The vectors of texts, a row for each."""
        if self.embedder is None:
            raise ValueError("this graph was opened without an embedder")
        return self.embedder(texts)

    def neighbours(self, entity_ids: Iterable[str], hops: int = 1, limit: int = 1_000) -> Graph:
        """The triples within so many hops of some entities, and all entities on them.

        Args:
            entity_ids: Where to start; ids that do not exist are passed over.
            hops: How many edges away from them a triple may end.
            limit: The most triples: the nearest, and among those the highest scores.
        """
        near = {id: key for id in entity_ids for key in self._keys_of_id(id)}
        reached, frontier = set(near.values()), set(near.values())
        kept: list[int] = []
        for _ in range(hops):
            found = self._touching(frontier, kept, limit - len(kept))
            kept += [triple for triple, *_ in found]
            frontier = {end for _, *ends in found for end in ends if end is not None} - reached
            reached |= frontier
        triples = tuple(self._edges([_BY_KEY], {"triples": json.dumps(kept)}))
        return Graph(tuple(self._with_keys(reached)), triples)

    def counts(self) -> dict[str, Any]:
        """How many entities and triples there are, in all and by type, and what was dropped."""
        rows = self.ledger.database.rows
        entities: dict[str, int] = dict(rows("SELECT type, count(*) FROM entities GROUP BY type"))
        triples: dict[str, int] = dict(rows("SELECT type, count(*) FROM triples GROUP BY type"))
        return {
            "entities": sum(entities.values()),
            "triples": sum(triples.values()),
            "entity_types": entities,
            "relation_types": triples,
            "dropped": json.loads(self.ledger.get("dropped") or "{}"),
        }

    def keys(self, name: str) -> list[int]:
        """The ledger's numbers of the entities that a text may mean, by id or else by name."""
        spelling = " ".join(name.split())
        return self._keys_of_id(name) or [
            key
            for (key,) in self.ledger.database.rows(
                "SELECT entity FROM entity_names WHERE name = ? ORDER BY entity",
                (spelling.casefold(),),
            )
        ]

    def similar_names(self, name: str, limit: int = 3) -> list[str]:
        """The names in the graph that look most like this one."""
        from rapidfuzz import fuzz, process

        names = (name for (name,) in self.ledger.database.rows("SELECT name FROM entities"))
        found = process.extract(
            name, names, scorer=fuzz.WRatio, processor=str.casefold, limit=limit, score_cutoff=60
        )
        return list(dict.fromkeys(match for match, _, _ in found))

    def _keys_of_id(self, id: str) -> list[int]:
        key = self.ledger.database.value("SELECT key FROM entities WHERE id = ?", (id,))
        return [] if key is None else [key]

    def _touching(self, ends: set[int], known: list[int], limit: int) -> list[Row]:
        """Triples (key, head, tail) with one of these ends that are not known yet."""
        return list(
            self.ledger.database.rows(
                """
                WITH ends AS MATERIALIZED (SELECT value FROM json_each(:ends))
                SELECT key, head, tail FROM triples
                WHERE key IN (
                    SELECT key FROM triples WHERE head IN (SELECT value FROM ends)
                    UNION SELECT key FROM triples WHERE tail IN (SELECT value FROM ends)
                )
                AND key NOT IN (SELECT value FROM json_each(:known))
                ORDER BY score DESC, key LIMIT :limit
                """,
                {"ends": json.dumps([*ends]), "known": json.dumps(known), "limit": limit},
            )
        )

    def _with_keys(self, keys: set[int]) -> Iterator[Entity]:
        rows = self.ledger.database.rows(
            f"{_ENTITY}{_where([_WITH_KEY])} ORDER BY key", {"keys": json.dumps([*keys])}
        )
        return (_entity(row) for row in rows)

    def _edges(self, filters: list[str], values: dict[str, Any]) -> Iterator[Triple]:
        sql = f"SELECT * FROM edges{_where(filters)} ORDER BY triple, evidence"  # noqa: S608  # our own names
        rows = self.ledger.database.rows(sql, values)
        for _, group in groupby(rows, key=lambda row: row[0]):
            yield _triple(list(group))


_parsed = lru_cache(maxsize=4)(Ontology.parse)

# Values never enter the text of a statement, only these fragments do.
_WITH_KEY = "key IN (SELECT value FROM json_each(:keys))"
_OF_TYPES = "type IN (SELECT value FROM json_each(:types))"
_BY_KEY = "triple IN (SELECT value FROM json_each(:triples))"
_BY_HEAD = """triple IN
    (SELECT key FROM triples WHERE head IN (SELECT value FROM json_each(:heads)))"""
_BY_TYPE = "type = :type"
_BY_TAIL = """triple IN
    (SELECT key FROM triples WHERE tail IN (SELECT value FROM json_each(:tails))
    UNION SELECT key FROM triples WHERE tail IS NULL AND value = :value)"""


def _where(filters: list[str]) -> str:
    return f" WHERE {' AND '.join(filters)}" if filters else ""


def _entity(row: Row) -> Entity:
    id, name, type, aliases, mentions = row
    return Entity(id, name, type, tuple(json.loads(aliases)), mentions)


def _triple(rows: list[Row]) -> Triple:
    """One triple from its rows of the view `edges`, one for each piece of evidence."""
    _, _, type, score, value, datatype, *ends = rows[0][:16]
    head, tail = ends[:5], ends[5:]
    return Triple(
        head=_entity(tuple(head)),
        type=type,
        tail=Literal(value, datatype) if tail[0] is None else _entity(tuple(tail)),
        score=score,
        evidence=tuple(_evidence(row[16:]) for row in rows),
    )


def _evidence(row: Row) -> Evidence:
    document, chunk, start, end, quote, head_start, head_end, tail_start, tail_end, *rest = row
    score, model = rest
    return Evidence(
        document_id=document,
        chunk_index=chunk,
        start=start,
        end=end,
        quote=quote,
        head=(head_start, head_end),
        tail=(tail_start, tail_end),
        score=score,
        model=model,
    )
