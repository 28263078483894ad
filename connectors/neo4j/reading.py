"""Questions to a graph in Neo4j: passages by meaning and by words, and what is around things."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kgbuild.connectors.neo4j.layout import ENTITY, OURS, Layout
from kgbuild.connectors.neo4j.rows import key
from kgbuild.connectors.neo4j.schema import index_name
from kgbuild.connectors.neo4j.server import Rows, Server
from kgbuild.datatypes import Chunk, Entity, Evidence, Graph, Literal, Triple
from kgbuild.errors import StoreError

_CHUNK = "n.document, n.index, n.start, n.end, n.text"
_OF_KEYS = f"UNWIND range(0, size($keys) - 1) AS i MATCH (n:{OURS} {{kgbuildKey: $keys[i]}})"
_METADATA = f"{_OF_KEYS} RETURN n.id, n.metadata"
_MENTIONED = f"""{_OF_KEYS} MATCH (n)-[r]-(e:{ENTITY}:{OURS})
    WHERE r.kgbuildKey IS NOT NULL AND r.type IS NULL
    RETURN properties(e) ORDER BY r.count DESC, e.id"""
_TOUCHING = f"""{_OF_KEYS} MATCH (n)-[r]-() WHERE r.kgbuildKey IS NOT NULL AND r.type IS NOT NULL
    AND NOT r.kgbuildKey IN $known
    WITH DISTINCT r ORDER BY r.score DESC, r.kgbuildKey LIMIT $limit
    RETURN r.kgbuildKey, properties(startNode(r)), properties(r), properties(endNode(r))"""


@dataclass(frozen=True)
class Neo4jReader:
    """Reads what a `Neo4jStore` has written; scores are those of Neo4j's indexes."""

    server: Server
    layout: Layout

    def chunks_near(self, vector: Iterable[float], k: int) -> list[tuple[Chunk, float]]:
        """The k chunks nearest in meaning to the text of this vector, best first."""
        rows = self._search(
            f"db.index.vector.queryNodes($index, $k, $what) YIELD node AS n, score"
            f" WHERE n:{OURS} RETURN {_CHUNK}, score",
            self._index("VECTOR", self.layout.chunk, "embedding"),
            [float(number) for number in vector],
            k,
        )
        return [(Chunk(*fields), score) for *fields, score in rows]

    def chunks_with_words(self, question: str, k: int) -> list[tuple[Chunk, float]]:
        """The k chunks with most of a question's words, best first; rare words count most."""
        index = self._index("FULLTEXT", self.layout.chunk, "text")
        rows = self._with_words(index, question, _CHUNK, k)
        return [(Chunk(*fields), score) for *fields, score in rows]

    def entities_named(self, question: str, k: int) -> list[tuple[Entity, float]]:
        """The k entities whose names and aliases have most of a question's words, best first."""
        index = self._index("FULLTEXT", ENTITY, "name", "aliases")
        rows = self._with_words(index, question, "properties(n)", k)
        return [(_entity(properties), score) for properties, score in rows]

    def chunks(self, places: Iterable[tuple[str, int]]) -> list[Chunk]:
        """The chunks at these places (document and number), in the same order."""
        keys = [key("chunk", document, str(index)) for document, index in places]
        rows = self.server.rows(f"{_OF_KEYS} RETURN {_CHUNK} ORDER BY i", keys=keys)
        return [Chunk(*fields) for fields in rows]

    def metadata(self, documents: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What is known of these documents, by their ids."""
        ids = list(dict.fromkeys(documents))
        rows = self.server.rows(_METADATA, keys=[key("document", id) for id in ids])
        return {id: json.loads(metadata) for id, metadata in rows}

    def entities(self, chunks: Iterable[Chunk]) -> list[Entity]:
        """The entities that chunks mention, the most often mentioned first."""
        keys = [key("chunk", chunk.document_id, str(chunk.index)) for chunk in chunks]
        found = [_entity(properties) for [properties] in self.server.rows(_MENTIONED, keys=keys)]
        return list(dict.fromkeys(found))

    def neighbours(self, entity_ids: Iterable[str], hops: int = 1, limit: int = 1_000) -> Graph:
        """The triples within so many hops of some entities, and all entities on them.

        Args:
            entity_ids: Where to start; ids that do not exist are passed over.
            hops: How many edges away from them a triple may end.
            limit: The most triples: the nearest, and among those the highest scores.
        """
        frontier = {key("entity", id) for id in entity_ids}
        reached, triples = set(frontier), dict[str, Triple]()
        for _ in range(hops):
            found = self._touching(frontier, [*triples], limit - len(triples))
            triples |= {link: _triple(*ends) for link, *ends in found}
            ends = {end["kgbuildKey"] for _, head, _, tail in found for end in (head, tail)}
            frontier = ends - reached
            reached |= frontier
        starts = self.server.rows(f"{_OF_KEYS} RETURN properties(n)", keys=[*reached])
        entities = {_entity(end) for [end] in starts if "datatype" not in end}
        return Graph(
            tuple(sorted(entities, key=lambda entity: entity.id)),
            tuple(sorted(triples.values(), key=_place)),
        )

    def _touching(self, keys: set[str], known: list[str], limit: int) -> Rows:
        return self.server.rows(_TOUCHING, keys=[*keys], known=known, limit=limit)

    def _index(self, type: str, label: str, *properties: str) -> str:
        name = index_name(self.server, type, label, [*properties])
        if name is None:
            raise StoreError(f"{self.server.url}: holds no graph yet; `kgbuild push` writes one")
        return name

    def _with_words(self, index: str, question: str, columns: str, k: int) -> Rows:
        """Words as phrases, so that nothing in them is Lucene's syntax."""
        words = " ".join(f'"{word}"' for word in re.findall(r"\w+", question))
        if not words:
            return []
        return self._search(
            "db.index.fulltext.queryNodes($index, $what, {limit: $k}) YIELD node AS n, score"
            f" WHERE n:{OURS} RETURN {columns}, score",
            index,
            words,
            k,
        )

    def _search(self, call: str, index: str, what: object, k: int) -> Rows:
        query = f"CALL {call} ORDER BY score DESC, n.kgbuildKey"
        return self.server.rows(query, index=index, what=what, k=k)


def _place(triple: Triple) -> tuple[str, str, str]:
    tail = triple.tail
    return triple.head.id, triple.type, tail.id if isinstance(tail, Entity) else tail.value


def _entity(properties: dict[str, Any]) -> Entity:
    aliases = tuple(properties.get("aliases", ()))
    name, type = properties["name"], properties["type"]
    return Entity(properties["id"], name, type, aliases, properties["mentions"])


def _triple(head: dict[str, Any], link: dict[str, Any], tail: dict[str, Any]) -> Triple:
    end = Literal(tail["name"], tail["datatype"]) if "datatype" in tail else _entity(tail)
    return Triple(_entity(head), link["type"], end, link["score"], tuple(_evidence(link)))


def _evidence(link: dict[str, Any]) -> Iterator[Evidence]:
    columns = ("documents", "chunks", "quotes", "scores", "models")
    pieces: Sequence[tuple[Any, ...]] = list(zip(*(link[name] for name in columns), strict=True))
    spans = link["spans"]
    for number, (document, chunk, quote, score, model) in enumerate(pieces):
        start, end, *ends = spans[6 * number : 6 * number + 6]
        head, tail = (ends[0], ends[1]), (ends[2], ends[3])
        yield Evidence(document, chunk, start, end, quote, head, tail, score, model)
