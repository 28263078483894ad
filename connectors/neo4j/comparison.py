"""A graph beside what a database holds: what is missing there, what is otherwise, what is more.

Both are compared a batch at a time, so that neither needs to fit into memory.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, TypeVar

from kgbuild.connectors.neo4j.layout import OURS, Layout
from kgbuild.connectors.neo4j.rows import Bundle, Link, Node, bundles, kind, nodes
from kgbuild.connectors.neo4j.server import Rows, Server
from kgbuild.connectors.store import ReadableGraph

_NODES = 2_000  # that are compared together
_LINKS = 10_000

_AT = f"UNWIND $keys AS key MATCH (n:{OURS} {{kgbuildKey: key}})"
_FACTS = f"""{_AT}-[r]->(m) WHERE r.kgbuildKey IS NOT NULL
    AND NOT coalesce(m.kgbuildKey, '') STARTS WITH 'chunk-'"""
_LEXICAL = f"""{_AT}-[r]-() WHERE r.kgbuildKey IS NOT NULL
    AND (startNode(r) = n OR type(r) <> $next_chunk)"""
_COUNT = f"MATCH (n:{OURS}) RETURN count(n)"
_PAGE = f"""MATCH (n:{OURS}) WHERE n.kgbuildKey > $after
    RETURN n.kgbuildKey, coalesce(n.id, n.name) ORDER BY n.kgbuildKey LIMIT {_NODES}"""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Nodes:
    """Nodes that a database does not hold, or holds otherwise."""

    missing: list[Node]
    changed: list[Node]


@dataclass(frozen=True, slots=True)
class Extra:
    """A relationship, or a node if `link` is None, that is in the database alone."""

    name: str
    node: str
    link: str | None = None

    def __str__(self) -> str:
        return self.name if self.link is None else f"relationship at {self.name}"


@dataclass(frozen=True, slots=True)
class Links:
    """Relationships that a database does not hold, or holds otherwise, or holds alone."""

    missing: list[Link]
    changed: list[Link]
    extra: list[Extra]


class Comparison:
    """Ask for nodes, then links, then extra nodes.

    Args:
        whole: Read everything that the database holds, not digests alone.
    """

    def __init__(
        self, server: Server, graph: ReadableGraph, layout: Layout, *, whole: bool = False
    ) -> None:
        self._server = server
        self._graph = graph
        self._layout = layout
        self._whole = whole
        self._held: int = server.rows(_COUNT)[0][0]
        self._unmatched = self._held

    def nodes(self) -> Iterator[Nodes]:
        held_of = "{labels: labels(n), properties: n {.*, embedding: null}}"
        returned = held_of if self._whole else "n.kgbuildDigest"
        query = f"{_AT} RETURN key, {returned}, n.embedding IS NOT NULL"
        for batch in batches(nodes(self._graph, self._layout), _NODES):
            held = {key: rest for key, *rest in self._read(query, [node.key for node in batch])}
            self._unmatched -= len(held)
            yield Nodes(
                missing=[node for node in batch if node.key not in held],
                changed=[
                    node
                    for node in batch
                    if node.key in held and not self._is_node(node, *held[node.key])
                ],
            )

    def links(self) -> Iterator[Links]:
        ends = "ends: [startNode(r).kgbuildKey, type(r), endNode(r).kgbuildKey]"
        held_of = f"{{{ends}, properties: properties(r)}}"
        returned = f"[r.kgbuildKey, {held_of if self._whole else 'r.kgbuildDigest'}]"
        all_bundles = bundles(self._graph, self._layout)
        for lexical, group in groupby(all_bundles, key=lambda bundle: bundle.lexical):
            query = f"{_LEXICAL if lexical else _FACTS} RETURN key, collect({returned})"
            for batch in _bundled(group):
                rows = self._read(query, [bundle.key for bundle in batch])
                held = {key: links for key, links in rows}
                yield _joined([self._links(bundle, held.get(bundle.key, [])) for bundle in batch])

    def extra_nodes(self) -> Iterator[list[Extra]]:
        if self._unmatched <= 0:
            return
        wanted = {node.key for node in nodes(self._graph, self._layout)}
        after = ""
        while page := self._server.rows(_PAGE, after=after):
            after = page[-1][0]
            yield [Extra(f"{kind(key)} {name}", key) for key, name in page if key not in wanted]

    def _read(self, query: str, keys: Sequence[str]) -> Rows:
        if not self._held:
            return []
        return self._server.rows(query, keys=keys, next_chunk=self._layout.next_chunk)

    def _links(self, bundle: Bundle, held: Sequence[tuple[str, Any]]) -> Links:
        """The links of one bundle; one that is there twice is taken away and written anew.

        So is one that somebody has led elsewhere.
        """
        times = Counter(key for key, _ in held)
        wanted = {link.key: link for link in bundle.links}
        once = {
            key: what
            for key, what in held
            if times[key] == 1 and (key not in wanted or self._is_in_place(wanted[key], what))
        }
        return Links(
            missing=[link for key, link in wanted.items() if key not in once],
            changed=[
                link
                for key, link in wanted.items()
                if key in once and not self._is_link(link, once[key])
            ],
            extra=[
                Extra(bundle.name, bundle.key, key)
                for key in times
                if key not in wanted or key not in once
            ],
        )

    def _is_node(self, node: Node, held: Any, has_vector: bool) -> bool:  # noqa: ANN401  # JSON
        if node.meaning is not None and not has_vector:
            return False
        if not self._whole:
            return bool(held == node.digest)
        return set(node.labels) <= set(held["labels"]) and _has(held, node.all_properties)

    def _is_link(self, link: Link, held: Any) -> bool:  # noqa: ANN401  # JSON
        if not self._whole:
            return bool(held == link.digest)
        return _has(held, link.all_properties)

    def _is_in_place(self, link: Link, held: Any) -> bool:  # noqa: ANN401  # JSON
        return not self._whole or held["ends"] == [link.head, link.type, link.tail]


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of so many items; the last may have fewer."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _has(held: Any, properties: Any) -> bool:  # noqa: ANN401  # JSON
    """Whether these properties are there; there may be more, of somebody else."""
    return all(held["properties"].get(name) == value for name, value in properties.items())


def _bundled(bundles: Iterable[Bundle]) -> Iterator[list[Bundle]]:
    """Some bundles at a time, with not many more links than are compared together."""
    batch: list[Bundle] = []
    size = 0
    for bundle in bundles:
        batch.append(bundle)
        size += 1 + len(bundle.links)
        if size >= _LINKS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _joined(parts: Sequence[Links]) -> Links:
    return Links(
        missing=[link for part in parts for link in part.missing],
        changed=[link for part in parts for link in part.changed],
        extra=[extra for part in parts for extra in part.extra],
    )
