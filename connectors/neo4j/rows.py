"""A graph as the nodes and relationships that Neo4j is to hold.

Each has a key, made of what it is, and a digest of what it says: the same in every run.

    (:Chunk {id, index, text, document, start, end})-[:FROM_DOCUMENT]->(:Document {id, source, …})
    (:Chunk)-[:NEXT_CHUNK]->(:Chunk)
    (:__Entity__:Person {id, name, type, aliases, mentions})-[:FROM_CHUNK {count}]->(:Chunk)
    (:Person)-[:WORKS_FOR {type, score, count, documents, chunks, quotes, …}]->(:Company)
    (:Company)-[:FOUNDED_ON {…}]->(:__Value__ {name: "1843-05-01", datatype: "date"})

The evidence of a triple is on its relationship, in lists of equal length; `spans` has six numbers
for each piece, characters of the document: quote from and to, head from and to, tail from and to.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby, zip_longest
from typing import Any

from kgbuild.connectors.neo4j.layout import OURS, VALUE, Layout, labels, relationship_type
from kgbuild.connectors.store import ReadableGraph
from kgbuild.datatypes import Chunk, Entity, Evidence, Literal, Triple
from kgbuild.ontology import Ontology

Properties = Mapping[str, Any]

# Our properties of a node, by what its key begins with.
PROPERTIES = {
    "document": ("id", "source", "title", "metadata"),
    "entity": ("id", "name", "type", "aliases", "mentions", "embedding"),
    "value": ("name", "datatype"),
    "chunk": ("id", "document", "index", "start", "end", "text", "embedding"),
}


@dataclass(frozen=True, slots=True)
class Node:
    """A node: a document, an entity, a value or a chunk.

    Attributes:
        properties: None stands for a property that it does not have.
        meaning: The text whose vector is kept with it.
    """

    key: str
    labels: tuple[str, ...]
    properties: Properties
    meaning: str | None = None

    @property
    def digest(self) -> str:
        return digest(self.labels, self.properties)

    @property
    def all_properties(self) -> dict[str, Any]:
        """Those that say how to find and compare it as well."""
        ours = {"kgbuildKey": self.key, "kgbuildDigest": self.digest}
        return {**self.properties, **ours, "kgbuildLabels": list(self.labels)}

    def __str__(self) -> str:
        return f"{kind(self.key)} {self.properties.get('id', self.properties.get('name'))}"


@dataclass(frozen=True)
class Link:
    """A relationship from one node to another, by their keys."""

    head: str
    type: str
    tail: str
    properties: Properties
    name: str

    @cached_property
    def key(self) -> str:
        return key("link", self.head, self.properties.get("type") or self.type, self.tail)

    @property
    def digest(self) -> str:
        return digest((self.type,), self.properties)

    @property
    def all_properties(self) -> dict[str, Any]:
        """Those that say how to find and compare it as well."""
        return {**self.properties, "kgbuildKey": self.key, "kgbuildDigest": self.digest}

    def __str__(self) -> str:
        return f"relationship {self.name}"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A node with the relationships that are compared where it is.

    Attributes:
        lexical: It is a chunk, with what connects it to its document, the next chunk and the
            entities that it mentions; else an entity with the triples that it is the head of.
    """

    key: str
    name: str
    lexical: bool
    links: tuple[Link, ...]


@lru_cache(maxsize=50_000)  # a node's is asked for once for each of its relationships
def key(kind: str, *parts: str) -> str:
    """The same for the same parts, and short enough for an index, whatever their length."""
    return f"{kind}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}"


def kind(key: str) -> str:
    """`document`, `entity`, `value`, `chunk`."""
    return key.partition("-")[0]


_sorted = json.JSONEncoder(sort_keys=True).encode


def digest(names: Iterable[str], properties: Properties) -> str:
    """Another text whenever labels (or the type) or properties are others."""
    held = {name: value for name, value in properties.items() if value is not None}
    text = _sorted([sorted(names), held])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def nodes(graph: ReadableGraph, layout: Layout) -> Iterator[Node]:
    """Every node, one kind after another."""
    ontology = graph.ontology
    yield from (_document(id, metadata, layout) for id, metadata in graph.sources())
    yield from (_entity(entity, ontology, layout) for entity in graph.entities())
    yield from map(_value, graph.values())
    yield from (_chunk(chunk, layout) for chunk, _ in graph.chunks())


def bundles(graph: ReadableGraph, layout: Layout) -> Iterator[Bundle]:
    """Every relationship, at the node that it is compared at; also nodes that have none."""
    yield from _facts(graph)
    for document, group in groupby(graph.chunks(), key=lambda item: item[0].document_id):
        yield from _lexical(document, group, layout)


def _document(id: str, metadata: Mapping[str, Any], layout: Layout) -> Node:
    title = metadata.get("title")
    properties = {
        "id": id,
        "source": str(metadata.get("source", "")),
        "title": title if isinstance(title, str) else None,
        "metadata": json.dumps(dict(metadata), sort_keys=True, ensure_ascii=False),
    }
    return Node(key("document", id), (layout.document, OURS), properties)


def _entity(entity: Entity, ontology: Ontology, layout: Layout) -> Node:
    types = [entity.type, *ontology.ancestors(entity.type)]
    properties = {
        "id": entity.id,
        "name": entity.name,
        "type": entity.type,
        "aliases": list(entity.aliases) or None,
        "mentions": entity.mention_count,
    }
    meaning = entity.name if layout.vectors else None
    return Node(key("entity", entity.id), labels(types), properties, meaning)


def _value(value: Literal) -> Node:
    properties = {"name": value.value, "datatype": value.datatype}
    return Node(_end_key(value), (OURS, VALUE), properties)


def _chunk(chunk: Chunk, layout: Layout) -> Node:
    properties = {
        "id": _chunk_id(chunk),
        "document": chunk.document_id,
        "index": chunk.index,
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
    }
    meaning = chunk.text if layout.vectors else None
    return Node(_chunk_key(chunk), (layout.chunk, OURS), properties, meaning)


def _facts(graph: ReadableGraph) -> Iterator[Bundle]:
    """Entities with the triples that they are the head of; both come in order of the entity."""
    by_head = groupby(graph.triples(), key=lambda triple: triple.head.id)
    head, triples = next(by_head, (None, iter(())))
    for entity in graph.entities():
        links: tuple[Link, ...] = ()
        if entity.id == head:
            links = tuple(map(_fact, triples))
            head, triples = next(by_head, (None, iter(())))
        yield Bundle(key("entity", entity.id), f"entity {entity.id}", False, links)


def _lexical(
    document: str, group: Iterable[tuple[Chunk, Mapping[str, int]]], layout: Layout
) -> Iterator[Bundle]:
    """The chunks of one document, in order."""
    chunks = list(group)
    for (chunk, mentioned), following in zip_longest(chunks, chunks[1:]):
        here, name = _chunk_key(chunk), f"chunk {_chunk_id(chunk)}"
        links = [Link(here, layout.in_document, key("document", document), {}, f"of {name}")]
        if following:
            after = _chunk_key(following[0])
            links.append(Link(here, layout.next_chunk, after, {}, f"after {name}"))
        links += [_mention(chunk, id, count, layout) for id, count in mentioned.items()]
        yield Bundle(here, name, True, tuple(links))


def _mention(chunk: Chunk, entity_id: str, count: int, layout: Layout) -> Link:
    ends = (_chunk_key(chunk), key("entity", entity_id))
    head, tail = ends if layout.mention_from_chunk else reversed(ends)
    name = f"of entity {entity_id} with chunk {_chunk_id(chunk)}"
    return Link(head, layout.mention, tail, {"count": count}, name)


def _fact(triple: Triple) -> Link:
    evidence = triple.evidence
    properties = {
        "type": triple.type,
        "score": triple.score,
        "count": len(evidence),
        "documents": [piece.document_id for piece in evidence],
        "chunks": [piece.chunk_index for piece in evidence],
        "quotes": [piece.quote for piece in evidence],
        "spans": [offset for piece in evidence for offset in _offsets(piece)],
        "scores": [piece.score for piece in evidence],
        "models": [piece.model for piece in evidence],
    }
    head, tail = key("entity", triple.head.id), _end_key(triple.tail)
    name = f"{triple.head} {triple.type} {triple.tail}"
    return Link(head, relationship_type(triple.type), tail, properties, name)


def _offsets(piece: Evidence) -> tuple[int, ...]:
    return (piece.start, piece.end, *piece.head, *piece.tail)


def _end_key(end: Entity | Literal) -> str:
    if isinstance(end, Entity):
        return key("entity", end.id)
    return key("value", end.datatype, end.value)


def _chunk_id(chunk: Chunk) -> str:
    return f"{chunk.document_id}#{chunk.index}"


def _chunk_key(chunk: Chunk) -> str:
    return key("chunk", chunk.document_id, str(chunk.index))
