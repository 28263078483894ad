"""Where a graph can be written besides the ledger: the contract, and finding a store by its URL."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from kgbuild.datatypes import Chunk, Entity, Literal, Triple
from kgbuild.errors import StoreError
from kgbuild.ontology import Ontology

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class ReadableGraph(Protocol):
    """A whole graph, larger than memory perhaps, that can be read more than once.

    Documents and entities come in order of id; values, those that triples end in, in order of
    datatype and value; triples in order of head, type, tail; chunks in order of document and place.
    """

    @property
    def ontology(self) -> Ontology: ...

    @property
    def state(self) -> str:
        """Another text whenever anything may have changed; empty if that is not known."""
        ...

    def snapshot(self) -> AbstractContextManager[None]: ...

    def documents(self) -> Iterator[str]: ...

    def sources(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Id and metadata of every document."""
        ...

    def models(self) -> Iterator[str]: ...

    def entities(self) -> Iterator[Entity]: ...

    def values(self) -> Iterator[Literal]: ...

    def triples(self) -> Iterator[Triple]: ...

    def chunks(self) -> Iterator[tuple[Chunk, Mapping[str, int]]]:
        """Every chunk, and how often it mentions which entities, by their ids."""
        ...

    def embed(self, texts: Sequence[str]) -> "npt.NDArray[np.float32]":
        """The vectors that texts are compared by, a row for each."""
        ...


@dataclass(slots=True)
class Difference:
    """What a store holds otherwise than a graph.

    Attributes:
        missing: How much only the graph has.
        changed: How much they have in common that says something else in the store.
        extra: How much only the store has.
        examples: A few of each, in words.
    """

    missing: int = 0
    changed: int = 0
    extra: int = 0
    examples: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.missing or self.changed or self.extra)

    def add(self, **found: Sequence[object]) -> None:
        """Count more of what is `missing`, `changed` or `extra`."""
        for how, things in found.items():
            setattr(self, how, getattr(self, how) + len(things))
            shown = sum(example.startswith(f"{how}: ") for example in self.examples)
            self.examples += [f"{how}: {thing}" for thing in things[: _EXAMPLES - shown]]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class GraphStore(Protocol):
    """A place that holds a copy of a graph."""

    def write(self, graph: ReadableGraph, *, repair: bool = False) -> Difference:
        """Make the store hold exactly this graph, whatever it held; twice is the same as once.

        Args:
            graph: What to write.
            repair: Read everything that the store holds, so that what others have changed there is
                put back even where that is not seen at a glance.

        Returns:
            What was otherwise before.

        Raises:
            StoreError: It cannot be written. What it holds then is still one whole graph, or is
                made whole by the next `write`.
        """
        ...

    def compare(self, graph: ReadableGraph) -> Difference:
        """What the store holds otherwise than this graph; nothing is written.

        Raises:
            StoreError: It cannot be read.
        """
        ...

    def close(self) -> None: ...


_EXAMPLES = 5

# What stands before "://" -> "module:function", called with the URL.
_NEO4J = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")
_SCHEMES = {
    "file": "kgbuild.connectors.files:FileStore",
    **dict.fromkeys(_NEO4J, "kgbuild.connectors.neo4j:Neo4jStore"),
}


def open_store(url: str) -> GraphStore:
    """The store at a URL; a path without a scheme is a file.

    Raises:
        StoreError: There is no such kind of store, or it cannot be reached.
    """
    scheme = url.partition("://")[0] if "://" in url else "file"
    if scheme not in _SCHEMES:
        known = ", ".join(f"{name}://" for name in _SCHEMES)
        raise StoreError(
            f"{scheme}://: no store of this kind; give a file's path or one of: {known}"
        )
    module, _, name = _SCHEMES[scheme].partition(":")
    target = url2pathname(urlsplit(url).path) if url.startswith("file://") else url
    store: GraphStore = getattr(import_module(module), name)(target)
    return store
