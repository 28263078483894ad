"""The embedded graph, searched: what the ledger knows of passages, and their vectors."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from threading import Lock
from typing import Any

import numpy as np

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


class EmbeddedPassages:
    """The chunks of all documents that are not past.

    One is embedded when first searched. All vectors stay in memory, 1.5 kB each, until a passage
    comes or goes.
    """

    def __init__(self, graph: EmbeddedGraph, embedder: TextEmbedder) -> None:
        self.graph = graph
        self.embedder = embedder
        self._lock = Lock()
        self._kept: _Kept | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self.embedder.embed(texts)

    def passages_like(self, vector: Vectors, limit: int) -> dict[Place, float]:
        with self._lock:
            kept = self._kept = self._up_to_date()
        if not kept.places:
            return {}
        cosines = kept.vectors @ vector
        best = np.argsort(-cosines, kind="stable")[:limit]
        return {kept.places[i]: float(cosines[i]) for i in best.tolist()}

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

    def _up_to_date(self) -> "_Kept":
        """The vectors that are kept, or new ones if passages have come or gone since."""
        state = (self.graph.version, *next(self._rows(_STATE)))
        if self._kept is not None and self._kept.state == state:
            return self._kept
        places, vectors = [], []
        for rows in self._batches():
            places += [(document, number) for _, document, number, _ in rows]
            vectors.append(self.embed([text for *_, text in rows]))
        return _Kept(state, places, np.concatenate(vectors or [np.zeros((0, 0), np.float32)]))

    def _batches(self) -> Iterator[list[Row]]:
        """All passages with their texts, some at a time; safe to write meanwhile."""
        last = -1
        while rows := list(self._rows(_NEXT, (last, _BATCH))):
            yield rows
            last = rows[-1][0]

    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:
        return self.graph.ledger.database.rows(sql, parameters)


@dataclass(frozen=True, slots=True)
class _Kept:
    """The vectors of all passages.

    Attributes:
        state: Of the ledger, when they were read.
        vectors: *Shape:* (n_places, width).
    """

    state: Row
    places: list[Place]
    vectors: Vectors


# Between two versions of the graph, chunks only come, and documents only stop being current.
_STATE = "SELECT (SELECT max(key) FROM chunks), (SELECT count(*) FROM documents WHERE current)"
_NEXT = """SELECT c.key, d.id, c.number, c.text FROM chunks c
    JOIN documents d ON d.key = c.document AND d.current
    WHERE c.key > ? ORDER BY c.key LIMIT ?"""


def _entity(row: Row) -> Entity:
    id, name, type, aliases, mentions = row
    return Entity(id, name, type, tuple(json.loads(aliases)), mentions)
