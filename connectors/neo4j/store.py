"""Bringing a Neo4j database in step with a graph: what differs is written, the rest is left alone.

What is missing is written before what is left over is deleted, and each node and relationship
together with its digest, in one transaction. A write that was cut off is therefore finished by the
next one, which finds less to do.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from kgbuild.connectors.neo4j.comparison import Comparison, Extra, batches
from kgbuild.connectors.neo4j.layout import LAYOUTS, OURS, Layout, quoted
from kgbuild.connectors.neo4j.reading import Neo4jReader
from kgbuild.connectors.neo4j.rows import PROPERTIES, Link, Node, kind
from kgbuild.connectors.neo4j.schema import define_keys, define_text, define_vectors
from kgbuild.connectors.neo4j.server import Server, Statement
from kgbuild.connectors.store import Difference, ReadableGraph
from kgbuild.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

_AT_ONCE = 2_000  # rows of a transaction

_NODES = f"""
    UNWIND $rows AS row
    MERGE (n:{OURS} {{kgbuildKey: row.key}})
    WITH n, row, [name IN coalesce(n.kgbuildLabels, []) WHERE NOT name IN row.labels] AS past
    REMOVE n:$(past)
    SET n:$(row.labels)
    SET n += row.properties"""
_VECTORS = f"""
    UNWIND $rows AS row
    MATCH (n:{OURS} {{kgbuildKey: row.key}})
    CALL db.create.setNodeVectorProperty(n, 'embedding', row.vector)"""
_LINKS = f"""
    UNWIND $rows AS row
    MATCH (a:{OURS} {{kgbuildKey: row.head}})
    MATCH (b:{OURS} {{kgbuildKey: row.tail}})
    MERGE (a)-[r:TYPE {{kgbuildKey: row.key}}]->(b)
    SET r += row.properties"""
_DELETED_LINKS = f"""
    UNWIND $rows AS row
    MATCH (n:{OURS} {{kgbuildKey: row.node}})-[r {{kgbuildKey: row.link}}]-()
    DELETE r"""
# A node to which others have added labels, properties or relationships stays, with these alone.
_DELETED_NODES = f"""
    UNWIND $rows AS row
    MATCH (n:{OURS} {{kgbuildKey: row.node}})
    OPTIONAL MATCH (n)-[r]-() WHERE r.kgbuildKey IS NOT NULL
    DELETE r
    WITH DISTINCT n, row
    REMOVE n:$(n.kgbuildLabels)
    SET n += row.properties
    WITH n WHERE size(labels(n)) = 0 AND size(keys(n)) = 0 AND NOT EXISTS {{ (n)--() }}
    DELETE n"""


class Neo4jStore:
    """A Neo4j database that holds a graph; what else it holds stays as it is.

    Args:
        url: As the driver takes it (`neo4j://`, `neo4j+s://`, `bolt://`, …); may end in
            `?layout=` and one of `LAYOUTS`.
        layout: What to call documents and chunks, instead of the layout that the URL names.

    Raises:
        StoreError: The database cannot be reached, or there is no layout of that name.
    """

    def __init__(self, url: str, *, layout: Layout | None = None) -> None:
        address, named = _parted(url)
        self.layout = layout or named
        self.server = Server(address)

    def write(self, graph: ReadableGraph) -> Difference:
        """Make the database hold this graph, in place of what was written to it before.

        What is up to date by its digest is left alone; only `compare` reads it in full.
        """
        difference = Difference()
        define_keys(self.server)
        with (
            self.server.only_writer(),
            graph.snapshot(),
            _Vectors(self.server, self.layout, graph) as vectors,
        ):
            define_text(self.server, self.layout)
            comparison = Comparison(self.server, graph, self.layout)
            for found in comparison.nodes():
                difference.add(missing=found.missing, changed=found.changed)
                self._write_nodes([*found.missing, *found.changed], vectors)
            for links in comparison.links():
                difference.add(missing=links.missing, changed=links.changed, extra=links.extra)
                self._delete(_DELETED_LINKS, links.extra)
                self._write_links([*links.missing, *links.changed])
            for extra in comparison.extra_nodes():
                difference.add(extra=extra)
                self._delete(_DELETED_NODES, extra)
        return difference

    def compare(self, graph: ReadableGraph) -> Difference:
        """What the database holds otherwise than this graph; everything of ours there is read."""
        difference = Difference()
        with graph.snapshot():
            comparison = Comparison(self.server, graph, self.layout, whole=True)
            for found in comparison.nodes():
                difference.add(missing=found.missing, changed=found.changed)
            for links in comparison.links():
                difference.add(missing=links.missing, changed=links.changed, extra=links.extra)
            for extra in comparison.extra_nodes():
                difference.add(extra=extra)
        return difference

    @property
    def reader(self) -> Neo4jReader:
        """Asks this database questions."""
        return Neo4jReader(self.server, self.layout)

    def close(self) -> None:
        self.server.close()

    def _write_nodes(self, nodes: Sequence[Node], vectors: "_Vectors") -> None:
        for batch in batches(nodes, _AT_ONCE):
            statements: list[Statement] = [(_NODES, [_node_row(node) for node in batch])]
            if with_vectors := vectors.rows(batch):
                statements.append((_VECTORS, with_vectors))
            self.server.write(*statements)

    def _write_links(self, links: Sequence[Link]) -> None:
        """One statement for each type, since a type cannot be a parameter; ends in one order."""
        ordered = sorted(links, key=lambda link: (link.type, link.head, link.tail))
        for batch in batches(ordered, _AT_ONCE):
            self.server.write(*_by_type(batch))

    def _delete(self, statement: str, extra: Sequence[Extra]) -> None:
        rows = [
            {"node": item.node, "link": item.link, "properties": _without(item.node)}
            for item in extra
        ]
        for batch in batches(rows, _AT_ONCE):
            self.server.write((statement, batch))


class _Vectors:
    """The vectors of nodes, and the indexes for them, made when their width is known.

    They are computed in a thread of their own, since a graph may keep them where it is read from:
    the thread that has a snapshot of it cannot write there.
    """

    def __init__(self, server: Server, layout: Layout, graph: ReadableGraph) -> None:
        self._server = server
        self._layout = layout
        self._graph = graph
        self._thread = ThreadPoolExecutor(1)
        self._width: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def rows(self, nodes: Sequence[Node]) -> list[dict[str, Any]]:
        texts = [(node.key, node.meaning) for node in nodes if node.meaning is not None]
        if not texts:
            return []
        vectors = self._thread.submit(self._graph.embed, [text for _, text in texts]).result()
        if self._width is None:
            self._width = vectors.shape[1]
            define_vectors(self._server, self._layout, self._width)
        pairs = zip(texts, vectors.tolist(), strict=True)
        return [{"key": key, "vector": vector} for (key, _), vector in pairs]


def _node_row(node: Node) -> dict[str, Any]:
    ours = {"kgbuildDigest": node.digest, "kgbuildLabels": list(node.labels)}
    return {
        "key": node.key,
        "labels": list(node.labels),
        "properties": {**node.properties, **ours},
    }


def _without(key: str) -> dict[str, None]:
    """What takes all properties of ours from a node."""
    ours = ("kgbuildKey", "kgbuildDigest", "kgbuildLabels")
    return dict.fromkeys((*PROPERTIES.get(kind(key), ()), *ours))


def _by_type(links: Sequence[Link]) -> "Iterator[Statement]":
    for type, group in groupby(links, key=lambda link: link.type):
        rows = [
            {
                "head": link.head,
                "tail": link.tail,
                "key": link.key,
                "properties": {**link.properties, "kgbuildDigest": link.digest},
            }
            for link in group
        ]
        yield _LINKS.replace("TYPE", quoted(type)), rows


def _parted(url: str) -> tuple[str, Layout]:
    """The address without our own parameter, and the layout that this names."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise StoreError(
            f"{parts.scheme}://: a store's URL holds no user or password; set NEO4J_USERNAME and"
            " NEO4J_PASSWORD instead"
        )
    parameters = dict(parse_qsl(parts.query))
    name = parameters.pop("layout", "neo4j-graphrag")
    if parameters or name not in LAYOUTS:
        raise StoreError(f"{url}: may end in ?layout= and one of {', '.join(LAYOUTS)}")
    return urlunsplit(parts._replace(query="")), LAYOUTS[name]
