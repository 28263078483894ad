"""How nodes and relationships are written: the Cypher, and in which order."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from typing import Any, Self

from kgbuild.connectors.neo4j.comparison import Extra, batches
from kgbuild.connectors.neo4j.layout import OURS, quoted
from kgbuild.connectors.neo4j.rows import PROPERTIES, Link, Node, kind
from kgbuild.connectors.neo4j.server import Server, Statement

_AT_ONCE = 5_000  # rows of a transaction
_WAITING = 2  # transactions that may wait while one is written

_MISSING_NODES = """
    UNWIND $rows AS row
    CREATE (n:LABELS)
    SET n = row.properties
    WITH n, row WHERE row.vector IS NOT NULL
    CALL db.create.setNodeVectorProperty(n, 'embedding', row.vector)"""
_CHANGED_NODES = f"""
    UNWIND $rows AS row
    MATCH (n:{OURS} {{kgbuildKey: row.properties.kgbuildKey}})
    WITH n, row, [name IN coalesce(n.kgbuildLabels, []) WHERE NOT name IN row.labels] AS past
    REMOVE n:$(past)
    SET n:$(row.labels)
    SET n += row.properties
    WITH n, row WHERE row.vector IS NOT NULL
    CALL db.create.setNodeVectorProperty(n, 'embedding', row.vector)"""
_ENDS = f"""
    UNWIND $rows AS row
    MATCH (a:{OURS} {{kgbuildKey: row.head}})
    MATCH (b:{OURS} {{kgbuildKey: row.tail}})"""
_MISSING_LINKS = f"""{_ENDS}
    CREATE (a)-[r:TYPE]->(b)
    SET r = row.properties"""
_CHANGED_LINKS = f"""{_ENDS}
    MERGE (a)-[r:TYPE {{kgbuildKey: row.properties.kgbuildKey}}]->(b)
    SET r += row.properties"""
_EXTRA_LINKS = f"""
    UNWIND $rows AS row
    MATCH (n:{OURS} {{kgbuildKey: row.node}})-[r {{kgbuildKey: row.link}}]-()
    DELETE r"""
# A node to which others have added labels, properties or relationships stays, with these alone.
_EXTRA_NODES = f"""
    UNWIND $rows AS row
    MATCH (n:{OURS} {{kgbuildKey: row.node}})
    OPTIONAL MATCH (n)-[r]-() WHERE r.kgbuildKey IS NOT NULL
    DELETE r
    WITH DISTINCT n, row
    REMOVE n:$(n.kgbuildLabels)
    SET n += row.properties
    WITH n WHERE size(labels(n)) = 0 AND size(keys(n)) = 0 AND NOT EXISTS {{ (n)--() }}
    DELETE n"""

Vectors = dict[str, list[float]]


class Writing:
    """Writes one transaction after another in a thread of its own, while more is prepared.

    What is missing is created, not looked for: whoever writes is the only writer, and has just
    compared. The driver never repeats a transaction that may have been carried out.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._thread = ThreadPoolExecutor(1)
        self._under_way: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def missing_nodes(self, nodes: Sequence[Node], vectors: Vectors) -> None:
        """One statement for each set of labels, which a server reads faster than labels of rows."""
        for batch in batches(nodes, _AT_ONCE):
            self._write(*_by_labels(batch, vectors))

    def changed_nodes(self, nodes: Sequence[Node], vectors: Vectors) -> None:
        for batch in batches(nodes, _AT_ONCE):
            rows = [{"labels": [*node.labels], **_node_row(node, vectors)} for node in batch]
            self._write((_CHANGED_NODES, rows))

    def missing_links(self, links: Sequence[Link]) -> None:
        self._links(_MISSING_LINKS, links)

    def changed_links(self, links: Sequence[Link]) -> None:
        self._links(_CHANGED_LINKS, links)

    def extra_links(self, extra: Sequence[Extra]) -> None:
        for batch in batches(extra, _AT_ONCE):
            self._write((_EXTRA_LINKS, [{"node": one.node, "link": one.link} for one in batch]))

    def extra_nodes(self, extra: Sequence[Extra]) -> None:
        for batch in batches(extra, _AT_ONCE):
            rows = [{"node": one.node, "properties": _without(one.node)} for one in batch]
            self._write((_EXTRA_NODES, rows))

    def finish(self) -> None:
        """Wait until all of it is written.

        Raises:
            StoreError: Some of it cannot be.
        """
        self._wait(0)

    def _links(self, statement: str, links: Sequence[Link]) -> None:
        """One statement for each type, since a type cannot be a parameter; ends in one order."""
        ordered = sorted(links, key=lambda link: (link.type, link.head, link.tail))
        for batch in batches(ordered, _AT_ONCE):
            self._write(*_by_type(statement, batch))

    def _write(self, *statements: Statement) -> None:
        self._wait(_WAITING)
        self._under_way.append(self._thread.submit(self._server.write, *statements))

    def _wait(self, left: int) -> None:
        while len(self._under_way) > left:
            self._under_way.popleft().result()


def _by_labels(nodes: Sequence[Node], vectors: Vectors) -> Iterator[Statement]:
    ordered = sorted(nodes, key=lambda node: node.labels)
    for labels, group in groupby(ordered, key=lambda node: node.labels):
        statement = _MISSING_NODES.replace("LABELS", ":".join(map(quoted, labels)))
        yield statement, [_node_row(node, vectors) for node in group]


def _by_type(statement: str, links: Sequence[Link]) -> Iterator[Statement]:
    for type, group in groupby(links, key=lambda link: link.type):
        rows = [
            {"head": link.head, "tail": link.tail, "properties": link.all_properties}
            for link in group
        ]
        yield statement.replace("TYPE", quoted(type)), rows


def _node_row(node: Node, vectors: Vectors) -> dict[str, Any]:
    return {"properties": node.all_properties, "vector": vectors.get(node.key)}


def _without(key: str) -> dict[str, None]:
    """What takes all properties of ours from a node."""
    ours = ("kgbuildKey", "kgbuildDigest", "kgbuildLabels")
    return dict.fromkeys((*PROPERTIES.get(kind(key), ()), *ours))
