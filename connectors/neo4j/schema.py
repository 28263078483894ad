"""The constraints and indexes that a graph needs.

Keys are made unique before anything is written. Indexes are made after the nodes of a first write,
since filling one at once takes the server a fraction of the work.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from kgbuild.connectors.neo4j.layout import ENTITY, LOCK, OURS, Layout, quoted
from kgbuild.connectors.neo4j.server import Server
from kgbuild.errors import StoreError

_EMBEDDING = "embedding"
_INDEX = """SHOW INDEXES YIELD name, type, labelsOrTypes, properties, options
    WHERE type = $type AND labelsOrTypes = [$label] AND properties = $properties
    RETURN name, options.indexConfig['vector.dimensions']"""
_NAMED = "SHOW INDEXES YIELD name WHERE name = $name RETURN name"
_WIDTH = f"MATCH (n:{OURS}) WHERE n.{_EMBEDDING} IS NOT NULL RETURN size(n.{_EMBEDDING}) LIMIT 1"


@dataclass(frozen=True, slots=True)
class _Index:
    name: str
    type: str
    label: str
    properties: tuple[str, ...]


def define_keys(server: Server) -> None:
    """Make keys unique; what is written is found by them."""
    for name, label in (("kgbuild_key", OURS), ("kgbuild_lock", LOCK)):
        server.define(
            f"CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{label}) REQUIRE n.kgbuildKey IS UNIQUE"
        )


def check_names(server: Server, layout: Layout) -> None:
    """Refuse a database where something else is called as an index that is to be made.

    Raises:
        StoreError: There is such an index.
    """
    for index in (*_of_text(layout), *_of_vectors(layout)):
        known = index_name(server, index.type, index.label, index.properties)
        if known is None and server.rows(_NAMED, name=index.name):
            raise StoreError(
                f"{server.url}: has an index '{index.name}' of something else, which kgbuild needs"
                f" for {index.label}; drop it, or choose another database with NEO4J_DATABASE"
            )


def check_width(server: Server, layout: Layout, width: int) -> None:
    """Refuse a database whose vector indexes are for vectors of another width.

    Raises:
        StoreError: There is such an index.
    """
    for index in _of_vectors(layout):
        rows = server.rows(
            _INDEX, type=index.type, label=index.label, properties=[*index.properties]
        )
        for name, found in rows:
            if found not in (None, width):
                raise StoreError(
                    f"{server.url}: the index '{name}' is for vectors of {found} numbers, not of"
                    f" {width}; drop it, or choose another database with NEO4J_DATABASE"
                )


def define_indexes(server: Server, layout: Layout) -> None:
    """Indexes of words and of vectors, called as other tools expect; the server fills them."""
    for index in _of_text(layout):
        columns = ", ".join(f"n.{name}" for name in index.properties)
        server.define(
            f"CREATE FULLTEXT INDEX {index.name} IF NOT EXISTS"
            f" FOR (n:{quoted(index.label)}) ON EACH [{columns}]"
        )
    for [width] in server.rows(_WIDTH) if layout.vectors else ():
        for index in _of_vectors(layout):
            server.define(
                f"CREATE VECTOR INDEX {index.name} IF NOT EXISTS"
                f" FOR (n:{quoted(index.label)}) ON (n.{_EMBEDDING})"
                f" OPTIONS {{indexConfig: {{`vector.dimensions`: {width},"
                " `vector.similarity_function`: 'cosine'}}"
            )


def await_indexes(server: Server) -> None:
    """Wait until all of them can be searched."""
    server.rows("CALL db.awaitIndexes(86400)")


def index_name(server: Server, type: str, label: str, properties: Iterable[str]) -> str | None:
    """What the index of these properties of a label is called in this database."""
    found = server.rows(_INDEX, type=type, label=label, properties=[*properties])
    return found[0][0] if found else None


def _of_text(layout: Layout) -> tuple[_Index, ...]:
    return (
        _Index("keyword", "FULLTEXT", layout.chunk, ("text",)),
        _Index("entity_keyword", "FULLTEXT", ENTITY, ("name", "aliases")),
    )


def _of_vectors(layout: Layout) -> tuple[_Index, ...]:
    return (
        _Index("vector", "VECTOR", layout.chunk, (_EMBEDDING,)),
        _Index("entity_vector", "VECTOR", ENTITY, (_EMBEDDING,)),
    )
