"""The embedded graph, searched: what the ledger knows of passages, and their vectors."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import groupby
from typing import Any

from kgbuild.connectors.embedded import EmbeddedGraph
from kgbuild.datatypes import Chunk, Entity, Graph
from kgbuild.embeddings import TextEmbedder, Vectors
from kgbuild.ledger import Row
from kgbuild.retrieval.names import named_in
from kgbuild.retrieval.searchable import Place

_BATCH = 256

# Documents and numbers as JSON → the passages there; `place.key` is their order.
_PLACES = """json_each(?) place
    JOIN documents d ON d.id = json_extract(place.value, '$[0]') AND d.current
    JOIN chunks c ON c.document = d.key AND c.number = json_extract(place.value, '$[1]')"""


@dataclass(frozen=True)
class EmbeddedPassages:
    """The chunks of all documents that are not past; one is embedded when first searched."""

    graph: EmbeddedGraph
    embedder: TextEmbedder

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self.embedder.embed(texts)

    def passages_like(self, vector: Vectors, limit: int) -> dict[Place, float]:
        best: list[tuple[float, Place]] = []
        for places, texts in self._batches():
            values = (self.embed(texts) @ vector).tolist()
            best = nlargest(
                limit, [*best, *zip(values, places, strict=True)], key=lambda pair: pair[0]
            )
        return {place: value for value, place in best}

    def passages_with(self, words: Sequence[str], limit: int) -> dict[Place, float]:
        rows = self._rows(
            "SELECT d.id, c.number, -bm25(chunk_words) FROM chunk_words"
            " JOIN chunks c ON c.key = chunk_words.rowid"
            " JOIN documents d ON d.key = c.document AND d.current"
            " WHERE chunk_words MATCH ? ORDER BY bm25(chunk_words), d.id, c.number LIMIT ?",
            (" OR ".join(f'"{word}"' for word in words), limit),
        )
        return {(document, number): score for document, number, score in rows}

    def passages(self, places: Sequence[Place]) -> dict[Place, tuple[Chunk, dict[str, Any]]]:
        rows = self._rows(
            'SELECT d.id, c.number, c.start, c."end", c.text, d.metadata'  # noqa: S608  # our own names
            f" FROM {_PLACES} ORDER BY place.key",
            (json.dumps(places),),
        )
        return {(row[0], row[1]): (Chunk(*row[:5]), json.loads(row[5])) for row in rows}

    def mentioned(self, places: Sequence[Place]) -> dict[Place, list[Entity]]:
        rows = self._rows(
            "SELECT d.id, c.number, e.id, e.name, e.type, e.aliases, e.mentions"  # noqa: S608  # our own names
            f" FROM {_PLACES}"
            ' JOIN mentions m ON m.document = d.key AND m.start >= c.start AND m."end" <= c."end"'
            " JOIN clusters k ON (k.document, k.type, k.name) = (m.document, m.type, m.text)"
            " JOIN entities e ON e.key = k.entity"
            " GROUP BY place.key, e.key ORDER BY place.key, count(*) DESC, e.id",
            (json.dumps(places),),
        )
        groups = groupby(rows, key=lambda row: (row[0], row[1]))
        return {place: [_entity(row[2:]) for row in group] for place, group in groups}

    def named(self, question: str) -> Iterator[Entity]:
        return named_in(question, self.graph.entities)

    def neighbours(self, entity_ids: Iterable[str], *, limit: int) -> Graph:
        return self.graph.neighbours(entity_ids, limit=limit)

    def _batches(self) -> Iterator[tuple[list[Place], list[str]]]:
        """All passages with their texts, some at a time; safe to write meanwhile."""
        last = -1
        while rows := list(self._rows(_NEXT, (last, _BATCH))):
            yield [(document, number) for _, document, number, _ in rows], [row[3] for row in rows]
            last = rows[-1][0]

    def _rows(self, sql: str, parameters: Sequence[Any]) -> Iterator[Row]:
        return self.graph.ledger.database.rows(sql, parameters)


_NEXT = """SELECT c.key, d.id, c.number, c.text FROM chunks c
    JOIN documents d ON d.key = c.document AND d.current
    WHERE c.key > ? ORDER BY c.key LIMIT ?"""


def _entity(row: Row) -> Entity:
    id, name, type, aliases, mentions = row
    return Entity(id, name, type, tuple(json.loads(aliases)), mentions)
