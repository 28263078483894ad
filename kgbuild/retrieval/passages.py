"""The passages of a ledger: found by words, by place, by the things they mention."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kgbuild.datatypes import Chunk
from kgbuild.ledger import Database

Key = int  # a passage's number in the ledger

_BATCH = 256


@dataclass(frozen=True)
class Passages:
    """The chunks of all documents that are not past."""

    database: Database

    def batches(self) -> Iterator[list[tuple[Key, str]]]:
        """All passages with their texts, some at a time; safe to write meanwhile."""
        last = -1
        while batch := self._batch(last):
            yield batch
            last = batch[-1][0]

    def chunks(self, keys: Sequence[Key]) -> dict[Key, Chunk]:
        rows = self.database.rows(
            'SELECT c.key, d.id, c.number, c.start, c."end", c.text'
            " FROM chunks c JOIN documents d ON d.key = c.document AND d.current"
            " WHERE c.key IN (SELECT value FROM json_each(?))",
            (json.dumps(keys),),
        )
        return {key: Chunk(*fields) for key, *fields in rows}

    def with_words(self, question: str, limit: int) -> list[Key]:
        """Passages with any of the words; rare words count most (BM25)."""
        words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", question))
        rows = self.database.rows(
            "SELECT c.key FROM chunk_words JOIN chunks c ON c.key = chunk_words.rowid"
            " JOIN documents d ON d.key = c.document AND d.current"
            " WHERE chunk_words MATCH ? ORDER BY bm25(chunk_words), d.id, c.number LIMIT ?",
            (words, limit),
        )
        return [key for (key,) in rows]

    def keys(self, places: Sequence[tuple[str, int]]) -> list[Key]:
        """The passages at these places (document and number), in the same order."""
        rows = self.database.rows(
            "SELECT c.key FROM json_each(?) place"
            " JOIN documents d ON d.id = json_extract(place.value, '$[0]') AND d.current"
            " JOIN chunks c"
            " ON c.document = d.key AND c.number = json_extract(place.value, '$[1]')"
            " ORDER BY place.key",
            (json.dumps(places),),
        )
        return [key for (key,) in rows]

    def entities(self, keys: Sequence[Key]) -> list[str]:
        """The ids of the entities that passages mention, the most often mentioned first."""
        rows = self.database.rows(
            "SELECT e.id FROM chunks c JOIN mentions m"
            ' ON m.document = c.document AND m.start >= c.start AND m."end" <= c."end"'
            " JOIN clusters k ON (k.document, k.type, k.name) = (m.document, m.type, m.text)"
            " JOIN entities e ON e.key = k.entity"
            " WHERE c.key IN (SELECT value FROM json_each(?))"
            " GROUP BY e.id ORDER BY count(*) DESC, e.id",
            (json.dumps(keys),),
        )
        return [id for (id,) in rows]

    def _batch(self, last: Key) -> list[tuple[Key, str]]:
        rows = self.database.rows(
            "SELECT c.key, c.text FROM chunks c JOIN documents d"
            " ON d.key = c.document AND d.current WHERE c.key > ? ORDER BY c.key LIMIT ?",
            (last, _BATCH),
        )
        return [(key, text) for key, text in rows]
