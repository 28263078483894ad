"""What a search asks of a graph, wherever the graph lives."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from kgbuild.datatypes import Chunk, Entity, Graph
from kgbuild.embeddings import Vectors

Place = tuple[str, int]
"""Where a passage is: the id of its document, and its number there."""


class SearchableGraph(Protocol):
    """A graph with the passages that it was made of."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Turn texts into vectors of length 1, by the model that the passages go by, too."""
        ...

    def passages_like(self, vector: Vectors, limit: int) -> Mapping[Place, float]:
        """The passages closest in meaning, with the cosine of each; the closest first."""
        ...

    def passages_with(self, words: Sequence[str], limit: int) -> Mapping[Place, float]:
        """Passages with any of the words; a score above 0, in which rare words count most."""
        ...

    def passages(self, places: Sequence[Place]) -> Mapping[Place, tuple[Chunk, dict[str, Any]]]:
        """The passages at these places, each with the metadata of its document."""
        ...

    def mentioned(self, places: Sequence[Place]) -> Mapping[Place, Sequence[Entity]]:
        """What each passage mentions, the most often mentioned first."""
        ...

    def named(self, question: str) -> Iterable[Entity]:
        """The entities that a question names, by name or alias; case does not matter."""
        ...

    def neighbours(self, entity_ids: Iterable[str], *, limit: int) -> Graph:
        """The triples at some entities, the highest scores first if there are too many."""
        ...
