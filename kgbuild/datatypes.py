"""The records that flow: Document → Chunk → Extraction → Graph.

All are frozen. Offsets are code points of the document's text, half-open, so that
`document.text[start:end] == record.text` holds for every chunk and every mention. Scores lie
in [0, 1].
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Document:
    """A text with a name. The id is its path below the ingested folder, or its own `id` field."""

    id: str
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def content_hash(self) -> str:
        """SHA-256 of the text, in hex; two documents with the same hash extract the same."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a document that fits the model's window together with the label prompt."""

    document_id: str
    index: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Mention:
    """A typed span: one place where a document names something."""

    document_id: str
    start: int
    end: int
    text: str
    type: str
    score: float

    @property
    def span(self) -> Span:
        return (self.start, self.end)

    @property
    def id(self) -> str:
        """Document, span and type: the same mention has the same id in every run."""
        return f"{self.document_id}#{self.start}-{self.end}:{self.type}"


@dataclass(frozen=True, slots=True)
class Relation:
    """A typed, directed link between two mentions of one document."""

    head: Mention
    tail: Mention
    type: str
    score: float
    model: str


@dataclass(frozen=True, slots=True)
class Extraction:
    """What the model found in one document.

    Attributes:
        mentions: In order of position.
        relations: Each end is one of `mentions`.
        coverage: Characters that the model has read / characters that are not white space.
    """

    document_id: str
    mentions: tuple[Mention, ...]
    relations: tuple[Relation, ...]
    coverage: float


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing in the graph: what all of its mentions name."""

    id: str
    name: str
    type: str
    aliases: tuple[str, ...] = ()
    mention_count: int = 0

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Literal:
    """A value at the tail of a triple: a date, a number, a text.

    Attributes:
        value: The normalised lexical form ("1843-10-01"), or the words themselves.
        datatype: An XSD local name: `date`, `gYearMonth`, `gYear`, `integer`, `decimal`, `string`.
    """

    value: str
    datatype: str = "string"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a document says a triple: the sentence(s) from head to tail, and who read it so."""

    document_id: str
    chunk_index: int
    start: int
    end: int
    quote: str
    head: Span
    tail: Span
    score: float
    model: str


@dataclass(frozen=True, slots=True)
class Triple:
    """An edge of the graph. There is none without evidence.

    Attributes:
        head: The head entity.
        tail: The tail entity, or a value.
        score: 1 - ∏ over documents of (1 - the document's best score): independent documents
            corroborate, repetition inside one document does not.
    """

    head: Entity
    type: str
    tail: Entity | Literal
    score: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """Entities and the triples between them: a whole graph, or the part that answers a question."""

    entities: tuple[Entity, ...]
    triples: tuple[Triple, ...]
