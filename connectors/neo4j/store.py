"""Bringing a Neo4j database in step with a graph: what differs is written, the rest is left alone.

What is missing is written before what is left over is deleted, and each node and relationship
together with its digest, in one transaction. A write that was cut off is therefore finished by the
next one, which finds less to do.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Self
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from kgbuild.connectors.neo4j.comparison import Comparison
from kgbuild.connectors.neo4j.layout import LAYOUTS, Layout
from kgbuild.connectors.neo4j.mark import has_mark, leave_mark, mark_of, remove_mark
from kgbuild.connectors.neo4j.reading import Neo4jReader
from kgbuild.connectors.neo4j.rows import Node
from kgbuild.connectors.neo4j.schema import (
    await_indexes,
    check_names,
    check_width,
    define_indexes,
    define_keys,
)
from kgbuild.connectors.neo4j.server import Server
from kgbuild.connectors.neo4j.writing import Vectors, Writing
from kgbuild.connectors.store import Difference, ReadableGraph
from kgbuild.errors import StoreError


class Neo4jStore:
    """A Neo4j database that holds a graph; what else it holds stays as it is.

    Args:
        url: As the driver takes it (`neo4j://`, `neo4j+s://`, `bolt://`, …); may end in
            `?layout=` and one of `LAYOUTS`, and in `&vectors=no` for a graph without vectors.
        layout: What to call documents and chunks, instead of the layout that the URL names.

    Raises:
        StoreError: The database cannot be reached, or there is no layout of that name.
    """

    def __init__(self, url: str, *, layout: Layout | None = None) -> None:
        address, named = _parted(url)
        self.layout = layout or named
        self.server = Server(address)

    def write(self, graph: ReadableGraph, *, repair: bool = False) -> Difference:
        """Make the database hold this graph, in place of what was written to it before.

        If the mark in the database says that it holds this graph, nothing is read. Otherwise what
        is up to date by its digest is left alone.

        Args:
            graph: What to write.
            repair: Read everything that is there, and put back what others have changed.
        """
        define_keys(self.server)
        with self.server.only_writer(), graph.snapshot():
            if not repair and has_mark(self.server, mark_of(self.server, graph.state, self.layout)):
                return Difference()
            check_names(self.server, self.layout)
            remove_mark(self.server)
            difference = self._bring_in_step(graph, whole=repair)
            leave_mark(self.server, mark_of(self.server, graph.state, self.layout))
        return difference

    def compare(self, graph: ReadableGraph) -> Difference:
        """What the database holds otherwise than this graph; everything of ours there is read.

        Of vectors it is only seen whether they are there.
        """
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

    def _bring_in_step(self, graph: ReadableGraph, *, whole: bool) -> Difference:
        """Write what differs: nodes, then relationships while the server fills its indexes."""
        difference = Difference()
        comparison = Comparison(self.server, graph, self.layout, whole=whole)
        vectors = _Vectors(self.server, self.layout, graph)
        with Writing(self.server) as writing, vectors:
            for found in comparison.nodes():
                difference.add(missing=found.missing, changed=found.changed)
                writing.missing_nodes(found.missing, vectors.of(found.missing))
                writing.changed_nodes(found.changed, vectors.of(found.changed))
            writing.finish()
            define_indexes(self.server, self.layout)
            for links in comparison.links():
                difference.add(missing=links.missing, changed=links.changed, extra=links.extra)
                writing.extra_links(links.extra)
                writing.missing_links(links.missing)
                writing.changed_links(links.changed)
            for extra in comparison.extra_nodes():
                difference.add(extra=extra)
                writing.extra_nodes(extra)
            writing.finish()
        await_indexes(self.server)
        return difference


class _Vectors:
    """The vectors of nodes that have any.

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

    def of(self, nodes: Sequence[Node]) -> Vectors:
        """The vectors by the nodes' keys.

        Raises:
            StoreError: The database has an index of vectors of another width.
        """
        texts = {node.key: node.meaning for node in nodes if node.meaning is not None}
        if not texts:
            return {}
        vectors = self._thread.submit(self._graph.embed, [*texts.values()]).result()
        if self._width is None:
            self._width = vectors.shape[1]
            check_width(self._server, self._layout, self._width)
        return dict(zip(texts, vectors.tolist(), strict=True))


def _parted(url: str) -> tuple[str, Layout]:
    """The address without our own parameter, and the layout that this names."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise StoreError(
            f"{parts.scheme}://: a store's URL holds no user or password; set NEO4J_USERNAME and"
            " NEO4J_PASSWORD instead"
        )
    parameters = dict(parse_qsl(parts.query))
    name, vectors = parameters.pop("layout", "neo4j-graphrag"), parameters.pop("vectors", "yes")
    if parameters or name not in LAYOUTS or vectors not in ("yes", "no"):
        raise StoreError(f"{url}: may end in ?layout= and one of {', '.join(LAYOUTS)}; &vectors=no")
    layout = replace(LAYOUTS[name], vectors=vectors == "yes")
    return urlunsplit(parts._replace(query="")), layout
