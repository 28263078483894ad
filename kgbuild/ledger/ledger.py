"""The ledger: what each document is and says. The graph is computed from it (assembly.py).

Recording a document is one transaction. A document that is replaced or removed is only marked as
past, so that readers keep the whole graph they had; the next assembly, which is one transaction as
well, lets go of it.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import sep
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from kgbuild.datatypes import Chunk, Document, Extraction
from kgbuild.errors import StoreError
from kgbuild.ledger.database import Database, Row
from kgbuild.ledger.quotes import chunk_index, quote_span

if TYPE_CHECKING:
    from kgbuild.extraction import Extracted

FILE_NAME = "ledger.sqlite"
_APPLICATION_ID = 0x6B676264  # "kgbd", in the header of the file
_VERSION = 4

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE documents (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    current INTEGER NOT NULL DEFAULT 1,  -- 0: replaced or removed, gone at the next assembly
    content_hash TEXT NOT NULL,
    build TEXT NOT NULL,
    source TEXT NOT NULL,
    metadata TEXT NOT NULL,
    text BLOB NOT NULL,  -- zlib of UTF-8
    length INTEGER NOT NULL,  -- characters that are not white space
    coverage REAL NOT NULL
);
CREATE UNIQUE INDEX documents_id ON documents (id) WHERE current;
CREATE INDEX documents_past ON documents (key) WHERE NOT current;
CREATE TABLE failures (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE chunks (
    key INTEGER PRIMARY KEY,
    document INTEGER NOT NULL,
    number INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX chunks_document ON chunks (document, number);
CREATE VIRTUAL TABLE chunk_words USING fts5 (
    text, content = 'chunks', content_rowid = 'key',
    tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TABLE mentions (
    key INTEGER PRIMARY KEY,
    document INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    text TEXT NOT NULL,
    type TEXT NOT NULL,
    score REAL NOT NULL
);
CREATE INDEX mentions_document ON mentions (document);
CREATE TABLE relations (
    key INTEGER PRIMARY KEY,
    document INTEGER NOT NULL,
    head INTEGER NOT NULL,  -- a mention
    tail INTEGER NOT NULL,  -- a mention
    type TEXT NOT NULL,
    score REAL NOT NULL,
    model TEXT NOT NULL,
    chunk INTEGER NOT NULL,  -- number of the chunk
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    quote TEXT NOT NULL  -- the document's text from start to end
);
CREATE INDEX relations_document ON relations (document);

CREATE TABLE entities (
    key INTEGER PRIMARY KEY,  -- in order of id
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    aliases TEXT NOT NULL,
    mentions INTEGER NOT NULL,
    judged TEXT NOT NULL  -- a JSON list: one of the judged names that it stands for; or empty
);
CREATE TABLE entity_names (
    name TEXT NOT NULL,  -- case-folded
    entity INTEGER NOT NULL,
    PRIMARY KEY (name, entity)
) WITHOUT ROWID;
CREATE TABLE clusters (
    document INTEGER NOT NULL,
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    entity INTEGER NOT NULL,
    mentions INTEGER NOT NULL,
    known_as TEXT NOT NULL,  -- the type as which other documents may meet it; empty: not at all
    PRIMARY KEY (document, type, name)
) WITHOUT ROWID;
CREATE INDEX clusters_entity ON clusters (entity);
CREATE TABLE decisions (  -- the machine's
    kind TEXT NOT NULL,
    left_document TEXT NOT NULL,
    left_type TEXT NOT NULL,
    left_name TEXT NOT NULL,
    right_document TEXT,  -- NULL in all three: left out
    right_type TEXT,
    right_name TEXT,
    score REAL NOT NULL,
    reason TEXT NOT NULL,
    local INTEGER NOT NULL  -- 1: depends on nothing but one document
);
CREATE TABLE known (  -- things known before any document was read
    id TEXT NOT NULL,
    number INTEGER NOT NULL,  -- of the name; 0: the one to call it by
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (id, number)
) WITHOUT ROWID;
CREATE TABLE judgements (  -- people's
    number INTEGER PRIMARY KEY,  -- in the order in which they were given
    same INTEGER NOT NULL
);
CREATE TABLE judged_names (
    judgement INTEGER NOT NULL,
    "right" INTEGER NOT NULL,  -- 0: of the left thing
    document TEXT NOT NULL,
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (judgement, "right", document, type, name)
) WITHOUT ROWID;
CREATE TABLE reconsidered (  -- names whose judgements have changed since the last assembly
    document TEXT NOT NULL,
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (document, type, name)
) WITHOUT ROWID;
CREATE TABLE triples (
    key INTEGER PRIMARY KEY,  -- in order of head, type, tail, value, datatype
    head INTEGER NOT NULL,
    type TEXT NOT NULL,
    tail INTEGER,  -- an entity, or NULL: a value
    value TEXT,
    datatype TEXT,
    score REAL NOT NULL
);
CREATE INDEX triples_head ON triples (head, type);
CREATE INDEX triples_tail ON triples (tail) WHERE tail IS NOT NULL;
CREATE INDEX triples_value ON triples (value) WHERE tail IS NULL;
CREATE INDEX triples_type ON triples (type);
CREATE TABLE evidence (
    key INTEGER PRIMARY KEY,  -- in order of triple, document id, spans
    triple INTEGER NOT NULL,
    relation INTEGER NOT NULL,
    head INTEGER NOT NULL,  -- the mention of the triple's head: a symmetric relation may be turned
    tail INTEGER NOT NULL
);
CREATE INDEX evidence_triple ON evidence (triple);
CREATE VIEW edges AS  -- a row for each piece of evidence
SELECT t.key AS triple, e.key AS evidence, t.type, t.score, t.value, t.datatype,
    h.id AS head_id, h.name AS head_name, h.type AS head_type,
    h.aliases AS head_aliases, h.mentions AS head_mentions,
    o.id AS tail_id, o.name AS tail_name, o.type AS tail_type,
    o.aliases AS tail_aliases, o.mentions AS tail_mentions,
    d.id AS document, r.chunk, r.start, r."end", r.quote,
    hm.start AS head_start, hm."end" AS head_end,
    tm.start AS tail_start, tm."end" AS tail_end,
    r.score AS evidence_score, r.model
FROM triples t
CROSS JOIN entities h ON h.key = t.head
LEFT JOIN entities o ON o.key = t.tail
CROSS JOIN evidence e ON e.triple = t.key
CROSS JOIN relations r ON r.key = e.relation
CROSS JOIN documents d ON d.key = r.document
CROSS JOIN mentions hm ON hm.key = e.head
CROSS JOIN mentions tm ON tm.key = e.tail;

CREATE TABLE vectors (
    text_hash TEXT NOT NULL,
    model TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (text_hash, model)
) WITHOUT ROWID
"""


class DocumentState(NamedTuple):
    """What the ledger knows of a document without reading its text.

    Attributes:
        build: The ontology and the model that it was extracted with.
        source: The file it was read from.
    """

    content_hash: str
    build: str
    source: str


@dataclass(frozen=True, slots=True)
class Totals:
    """How much the documents of a ledger hold."""

    documents: int
    chunks: int
    mentions: int
    relations: int
    coverage: float


class Ledger:
    """The memory of a graph: its documents, what was extracted from them, and what was decided."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    def open(cls, folder: Path, *, create: bool = True) -> Self:
        """Open the ledger in a folder; with `create`, make both if need be.

        Raises:
            StoreError: There is none, or it cannot be opened, read or made.
        """
        path = folder / FILE_NAME
        if not create and not path.is_file():
            raise StoreError(f"{folder}: there is no graph here; `kgbuild ingest` makes one")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise StoreError(f"{folder}: is or lies in a file; choose another folder") from None
        except OSError as error:
            raise StoreError(f"{folder}: cannot be made: {error.strerror}") from error
        return cls(Database(path, schema=SCHEMA, application_id=_APPLICATION_ID, version=_VERSION))

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What is known of documents

    def state(self, document_id: str) -> DocumentState | None:
        row = self.database.row(
            "SELECT content_hash, build, source FROM documents WHERE id = ? AND current",
            (document_id,),
        )
        return DocumentState(*row) if row else None

    def documents(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Id and metadata of every document, in order of id."""
        rows = self.database.rows("SELECT id, metadata FROM documents WHERE current ORDER BY id")
        return ((id, json.loads(metadata)) for id, metadata in rows)

    def document(self, document_id: str) -> Document | None:
        row = self.database.row(
            "SELECT id, text, metadata FROM documents WHERE id = ? AND current", (document_id,)
        )
        return _document(row) if row else None

    def built_otherwise(self, build: str) -> Iterator[Document]:
        """Unseen documents that were extracted with another ontology or model, in order of id.

        Documents may be recorded meanwhile.
        """
        last = ""
        while row := self.database.row(
            "SELECT id, text, metadata FROM documents"
            " WHERE current AND build <> ? AND id > ? AND id NOT IN (SELECT id FROM seen)"
            " ORDER BY id LIMIT 1",
            (build, last),
        ):
            last = row[0]
            yield _document(row)

    def failures(self) -> Iterator[tuple[str, str]]:
        """Id and reason of every document that could not be read or extracted when last tried."""
        return (
            (id, reason)
            for id, reason in self.database.rows("SELECT id, reason FROM failures ORDER BY id")
        )

    def totals(self) -> Totals:
        value = self.database.value
        documents, length, covered = self.database.row(
            "SELECT count(*), sum(length), sum(length * coverage) FROM documents WHERE current"
        ) or (0, 0, 0)
        return Totals(
            documents=documents,
            chunks=value("SELECT count(*) FROM chunks"),
            mentions=value("SELECT count(*) FROM mentions"),
            relations=value("SELECT count(*) FROM relations"),
            coverage=covered / length if length else 1.0,
        )

    # Recording

    def record(self, extracted: "Extracted", build: str) -> None:
        """Keep what one document says, in place of what was there under its id."""
        document, extraction = extracted.document, extracted.extraction
        if extraction is None:
            raise ValueError(f"{document.id}: nothing was extracted")
        with self.database.transaction():
            self._retire(document.id)
            self.database.execute("DELETE FROM failures WHERE id = ?", (document.id,))
            key = self._insert_document(document, extraction.coverage, build)
            self._insert_chunks(key, extracted.chunks)
            self._insert_extraction(key, extracted.chunks, document.text, extraction)

    def fail(self, document_id: str, source: str, reason: str) -> None:
        """Note that a document cannot be read now; what it said before no longer counts."""
        with self.database.transaction():
            self._retire(document_id)
            self.database.execute(
                "INSERT OR REPLACE INTO failures VALUES (?, ?, ?)", (document_id, source, reason)
            )

    def remove(self, document_id: str) -> bool:
        """Forget a document; False if there was none of that id."""
        with self.database.transaction():
            self.database.execute("DELETE FROM failures WHERE id = ?", (document_id,))
            return self._retire(document_id)

    def describe(self, document: Document) -> None:
        """Keep what surrounds a text that is the same as before: where it is from, its metadata."""
        source, metadata = _source(document), _as_json(document.metadata)
        self.database.execute(
            "UPDATE documents SET source = :source, metadata = :metadata WHERE id = :id AND current"
            " AND (source, metadata) IS NOT (:source, :metadata)",
            {"id": document.id, "source": source, "metadata": metadata},
        )

    def _retire(self, document_id: str) -> bool:
        retired = self.database.execute(
            "UPDATE documents SET current = 0 WHERE id = ? AND current", (document_id,)
        )
        if retired:
            self.set("dirty", "1")
        return bool(retired)

    def _insert_document(self, document: Document, coverage: float, build: str) -> int:
        self.set("dirty", "1")
        return self.database.insert(
            "INSERT INTO documents"
            " (id, content_hash, build, source, metadata, text, length, coverage)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                document.id,
                document.content_hash,
                build,
                _source(document),
                _as_json(document.metadata),
                zlib.compress(document.text.encode()),
                sum(map(len, document.text.split())),
                coverage,
            ),
        )

    def _insert_chunks(self, document: int, chunks: Iterable[Chunk]) -> None:
        self.database.insert_many(
            'INSERT INTO chunks (document, number, start, "end", text) VALUES (?, ?, ?, ?, ?)',
            ((document, chunk.index, chunk.start, chunk.end, chunk.text) for chunk in chunks),
        )
        self.database.execute(
            "INSERT INTO chunk_words (rowid, text) SELECT key, text FROM chunks WHERE document = ?",
            (document,),
        )

    def _insert_extraction(
        self, document: int, chunks: tuple[Chunk, ...], text: str, extraction: Extraction
    ) -> None:
        keys = {
            mention: self.database.insert(
                'INSERT INTO mentions (document, start, "end", text, type, score)'
                " VALUES (?, ?, ?, ?, ?, ?)",
                (document, mention.start, mention.end, mention.text, mention.type, mention.score),
            )
            for mention in extraction.mentions
        }
        self.database.insert_many(
            "INSERT INTO relations"
            ' (document, head, tail, type, score, model, chunk, start, "end", quote)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (document, keys[relation.head], keys[relation.tail], *details)
                for relation, *details in _relations(chunks, text, extraction)
            ),
        )

    # Vectors of texts, kept between runs

    def vectors(self, model: str, hashes: Sequence[str]) -> dict[str, bytes]:
        """Those of the vectors that are known, by the hash of their text."""
        return dict(
            self.database.rows(
                "SELECT text_hash, vector FROM vectors"
                " WHERE model = ? AND text_hash IN (SELECT value FROM json_each(?))",
                (model, json.dumps([*hashes])),
            )
        )

    def add_vectors(self, model: str, vectors: Mapping[str, bytes]) -> None:
        """Keep vectors, unless the ledger cannot be written: then they are computed again."""
        if self.database.read_only:
            return
        with self.database.transaction():
            self.database.insert_many(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
                ((hash, model, vector) for hash, vector in vectors.items()),
            )

    # What a run has seen

    def start_run(self) -> None:
        """From now on, remember which documents a run has seen."""
        self.database.execute(
            "CREATE TEMP TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY) WITHOUT ROWID"
        )
        self.database.execute("DELETE FROM seen")

    def saw(self, document_id: str) -> None:
        self.database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (document_id,))

    def remove_unseen(self, paths: Iterable[Path]) -> int:
        """Remove the documents whose source is one of these paths, or below, and was not seen."""
        removed = 0
        for path in paths:
            folder = f"{str(path).rstrip(sep)}{sep}"
            unseen = self.database.rows(
                """
                SELECT id FROM (
                    SELECT id, source FROM documents WHERE current
                    UNION ALL SELECT id, source FROM failures
                )
                WHERE (source = :path OR substr(source, 1, length(:folder)) = :folder)
                AND id NOT IN (SELECT id FROM seen)
                """,
                {"path": str(path), "folder": folder},
            )
            removed += sum(self.remove(id) for (id,) in list(unseen))
        return removed

    # Facts about the graph as a whole

    @property
    def dirty(self) -> bool:
        """Whether documents have changed since the graph was last assembled."""
        return self.get("dirty") is not None

    def get(self, key: str) -> str | None:
        value: str | None = self.database.value("SELECT value FROM meta WHERE key = ?", (key,))
        return value

    def set(self, key: str, value: str) -> None:
        self.database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def _source(document: Document) -> str:
    return str(document.metadata.get("source", ""))


def _document(row: Row) -> Document:
    id, text, metadata = row
    return Document(id, zlib.decompress(text).decode(), json.loads(metadata))


def _relations(chunks: tuple[Chunk, ...], text: str, extraction: Extraction) -> Iterator[Row]:
    """Each relation with the columns that follow its ends."""
    from kgbuild.chunking import sentences

    if not extraction.relations:
        return
    spans = sentences(text)
    for relation in extraction.relations:
        start, end = quote_span(spans, relation)
        chunk = chunk_index(chunks, relation)
        details = (relation.type, relation.score, relation.model)
        yield (relation, *details, chunk, start, end, text[start:end])


def _as_json(metadata: Mapping[str, Any]) -> str:
    return json.dumps(dict(metadata), sort_keys=True, default=str)
