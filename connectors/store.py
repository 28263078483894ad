"""Where a graph can be written besides the ledger: the contract, and finding a store by its URL."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from kgbuild.datatypes import Entity, Literal, Triple
from kgbuild.errors import StoreError
from kgbuild.ontology import Ontology


class ReadableGraph(Protocol):
    """A whole graph, larger than memory perhaps, that can be read more than once.

    Documents and entities come in order of id; values, those that triples end in, in order of
    datatype and value; triples in order of head, type, tail.
    """

    @property
    def ontology(self) -> Ontology: ...

    def snapshot(self) -> AbstractContextManager[None]: ...

    def documents(self) -> Iterator[str]: ...

    def models(self) -> Iterator[str]: ...

    def entities(self) -> Iterator[Entity]: ...

    def values(self) -> Iterator[Literal]: ...

    def triples(self) -> Iterator[Triple]: ...


class GraphStore(Protocol):
    """A place that holds a copy of a graph."""

    def write(self, graph: ReadableGraph) -> None:
        """Make the store hold exactly this graph, whatever it held; twice is the same as once.

        A store that can tell what it holds need only write the difference: both sides come in the
        same order.

        Raises:
            StoreError: It cannot be written. What it holds then is still one whole graph, or is
                made whole by the next `write`.
        """

    def close(self) -> None: ...


# What stands before "://" -> "module:function", called with the URL.
_SCHEMES = {"file": "kgbuild.connectors.files:FileStore"}


def open_store(url: str) -> GraphStore:
    """The store at a URL; a path without a scheme is a file.

    Raises:
        StoreError: There is no such kind of store, or it cannot be reached.
    """
    scheme = url.partition("://")[0] if "://" in url else "file"
    if scheme not in _SCHEMES:
        known = ", ".join(f"{name}://" for name in _SCHEMES)
        raise StoreError(f"{url}: no store of this kind; give a file's path or one of: {known}")
    module, _, name = _SCHEMES[scheme].partition(":")
    target = url2pathname(urlsplit(url).path) if url.startswith("file://") else url
    store: GraphStore = getattr(import_module(module), name)(target)
    return store
