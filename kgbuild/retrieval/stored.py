"""A graph in a store with indexes of its own, such as Neo4j, searched as the embedded one is."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kgbuild.datatypes import Chunk, Entity, Graph
from kgbuild.embeddings import TextEmbedder, Vectors
from kgbuild.retrieval.names import named_in
from kgbuild.retrieval.search import SearchResult, search
from kgbuild.retrieval.searchable import Place

_CANDIDATES = 50  # entities whose names have words of a question


class IndexedStore(Protocol):
    """What is asked of a store; `kgbuild.connectors.neo4j.Neo4jReader` is one."""

    def chunks_near(self, vector: Iterable[float], k: int) -> Sequence[tuple[Chunk, float]]:
        """The chunks nearest to a vector, best first; a cosine c is scored (1 + c) / 2."""
        ...

    def chunks_with_words(self, question: str, k: int) -> Sequence[tuple[Chunk, float]]:
        """The chunks with most of a question's words, best first; scores are above 0."""
        ...

    def entities_named(self, question: str, k: int) -> Sequence[tuple[Entity, float]]:
        """The entities whose names and aliases have most of a question's words."""
        ...

    def chunks(self, places: Iterable[Place]) -> Sequence[Chunk]:
        """The chunks at these places, in the same order."""
        ...

    def metadata(self, documents: Iterable[str]) -> Mapping[str, dict[str, Any]]:
        """What is known of these documents, by their ids."""
        ...

    def entities(self, chunks: Iterable[Chunk]) -> Sequence[Entity]:
        """What chunks mention, the most often mentioned first."""
        ...

    def neighbours(self, entity_ids: Iterable[str], hops: int = 1, limit: int = 1_000) -> Graph:
        """The triples near some entities, the highest scores first if there are too many."""
        ...


@dataclass(frozen=True)
class StoredPassages:
    """The passages of a store.

        with closing(Neo4jStore("neo4j://localhost")) as store:
            passages = StoredPassages(store.reader, Embedder())
            retriever = KnowledgeGraphRetriever(graph=passages)

    Attributes:
        embedder: The one that the store's vectors were made with.
    """

    store: IndexedStore
    embedder: TextEmbedder

    def search(self, question: str, k: int = 5) -> SearchResult:
        """The k passages that answer a question best, and the part of the graph around them."""
        return search(self, question, k=k)

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self.embedder.embed(texts)

    def passages_like(self, vector: Vectors, limit: int) -> dict[Place, float]:
        found = self.store.chunks_near(vector.tolist(), limit)
        return {_place(chunk): 2 * score - 1 for chunk, score in found}

    def passages_with(self, words: Sequence[str], limit: int) -> dict[Place, float]:
        found = self.store.chunks_with_words(" ".join(words), limit)
        return {_place(chunk): score for chunk, score in found}

    def passages(self, places: Sequence[Place]) -> dict[Place, tuple[Chunk, dict[str, Any]]]:
        chunks = self.store.chunks(places)
        known = self.store.metadata(chunk.document_id for chunk in chunks)
        return {_place(chunk): (chunk, known.get(chunk.document_id, {})) for chunk in chunks}

    def mentioned(self, places: Sequence[Place]) -> dict[Place, Sequence[Entity]]:
        return {_place(chunk): self.store.entities([chunk]) for chunk in self.store.chunks(places)}

    def named(self, question: str) -> Iterator[Entity]:
        by_name: dict[str, list[Entity]] = defaultdict(list)
        for entity, _ in self.store.entities_named(question, _CANDIDATES):
            for name in dict.fromkeys(map(str.casefold, (entity.name, *entity.aliases))):
                by_name[name].append(entity)
        return named_in(question, lambda name: by_name.get(" ".join(name.split()).casefold(), ()))

    def neighbours(self, entity_ids: Iterable[str], *, limit: int) -> Graph:
        return self.store.neighbours(entity_ids, limit=limit)


def _place(chunk: Chunk) -> Place:
    return chunk.document_id, chunk.index
