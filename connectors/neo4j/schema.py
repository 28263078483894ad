"""The constraints and indexes that a graph needs, made once, before anything is written."""

from kgbuild.connectors.neo4j.layout import ENTITY, LOCK, OURS, Layout, quoted
from kgbuild.connectors.neo4j.server import Server
from kgbuild.errors import StoreError

_EMBEDDING = "embedding"
_INDEX = """SHOW INDEXES YIELD name, type, labelsOrTypes, properties, options
    WHERE type = $type AND labelsOrTypes = [$label] AND properties = $properties
    RETURN name, options.indexConfig['vector.dimensions']"""


def define_keys(server: Server) -> None:
    """Make keys unique; what is written is found by them."""
    for name, label in (("kgbuild_key", OURS), ("kgbuild_lock", LOCK)):
        server.define(
            f"CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{label}) REQUIRE n.kgbuildKey IS UNIQUE"
        )


def define_text(server: Server, layout: Layout) -> None:
    """Full-text indexes of chunks and of entities' names, called as other tools expect."""
    chunk = f"FOR (n:{quoted(layout.chunk)}) ON EACH [n.text]"
    entity = f"FOR (n:{ENTITY}) ON EACH [n.name, n.aliases]"
    for name, what in (("keyword", chunk), ("entity_keyword", entity)):
        server.define(f"CREATE FULLTEXT INDEX {name} IF NOT EXISTS {what}")
    _check(server, "FULLTEXT", layout.chunk, ["text"], "keyword")
    _check(server, "FULLTEXT", ENTITY, ["name", "aliases"], "entity_keyword")


def define_vectors(server: Server, layout: Layout, width: int) -> None:
    """Vector indexes of chunks and entities, called as other tools expect.

    Raises:
        StoreError: There are such indexes already, for vectors of another width.
    """
    for name, label in (("vector", layout.chunk), ("entity_vector", ENTITY)):
        server.define(
            f"CREATE VECTOR INDEX {name} IF NOT EXISTS FOR (n:{quoted(label)}) ON (n.{_EMBEDDING})"
            f" OPTIONS {{indexConfig: {{`vector.dimensions`: {width},"
            " `vector.similarity_function`: 'cosine'}}"
        )
        _check(server, "VECTOR", label, [_EMBEDDING], name)
        _check_width(server, label, width)
    server.rows("CALL db.awaitIndexes(600)")


def index_name(server: Server, type: str, label: str, properties: list[str]) -> str | None:
    """What the index of these properties of a label is called in this database."""
    found = server.rows(_INDEX, type=type, label=label, properties=properties)
    return found[0][0] if found else None


def _check(server: Server, type: str, label: str, properties: list[str], name: str) -> None:
    if index_name(server, type, label, properties) is None:
        raise StoreError(
            f"{server.url}: has an index '{name}' of something else, which kgbuild needs for"
            f" {label}; drop it, or choose another database with NEO4J_DATABASE"
        )


def _check_width(server: Server, label: str, width: int) -> None:
    [[name, found]] = server.rows(_INDEX, type="VECTOR", label=label, properties=[_EMBEDDING])
    if found not in (None, width):
        raise StoreError(
            f"{server.url}: the index '{name}' is for vectors of {found} numbers, not of {width};"
            " drop it, or choose another database with NEO4J_DATABASE"
        )
