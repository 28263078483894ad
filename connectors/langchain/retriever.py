"""Passages of a graph as LangChain documents, with what the graph knows around each."""

from typing import Any, Protocol, runtime_checkable

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import run_in_executor
from pydantic import ConfigDict, Field

from kgbuild.connectors.files import triple_to_json
from kgbuild.datatypes import Entity, Triple
from kgbuild.retrieval import Passage, SearchResult


@runtime_checkable
class Searchable(Protocol):
    """What can be asked; `KnowledgeGraph` is one. Several threads may ask at once."""

    def search(self, question: str, k: int) -> SearchResult:
        """The k best passages, and the part of the graph around them."""
        ...


class KnowledgeGraphRetriever(BaseRetriever):
    """Finds passages by meaning, by words and by the edges around what the question names.

    Each document has the text of a passage, its place as `id`, and in `metadata` what the document
    it is from came with (`source` and so on), and

    - `document`, `start`, `end`: the id of that document, and the passage's characters in it;
    - `score`: how well it fits, in [0, 1];
    - `entities`: what it mentions, each with id, name and type;
    - `triples`: what it says, then what other passages say on what it mentions, as far as that
      has to do with the question; with score and evidence, as `kgbuild export` writes them.

        retriever = KnowledgeGraphRetriever(graph=KnowledgeGraph.open("kg", create=False), k=4)
        retriever.invoke("Who founded the Meridian Light Company?")
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    graph: Searchable = Field(exclude=True, repr=False)
    k: int = Field(default=5, gt=0)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        return self._search(query, self.k if k is None else k)

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        return await run_in_executor(None, self._search, query, self.k if k is None else k)

    def _search(self, query: str, k: int) -> list[Document]:
        result = self.graph.search(query, k)
        return [_document(passage, result) for passage in result.passages]


def _document(passage: Passage, result: SearchResult) -> Document:
    chunk = passage.chunk
    mentioned = {entity.id for entity in passage.entities}
    around = [triple for triple in result.triples if not mentioned.isdisjoint(_ends(triple))]
    return Document(
        id=f"{chunk.document_id}#{chunk.start}-{chunk.end}",
        page_content=chunk.text,
        metadata={
            **passage.metadata,
            "document": chunk.document_id,
            "start": chunk.start,
            "end": chunk.end,
            "score": passage.score,
            "entities": [_entity(entity) for entity in passage.entities],
            "triples": [triple_to_json(t) for t in dict.fromkeys([*passage.triples, *around])],
        },
    )


def _entity(entity: Entity) -> dict[str, Any]:
    return {"id": entity.id, "name": entity.name, "type": entity.type}


def _ends(triple: Triple) -> set[str]:
    return {end.id for end in (triple.head, triple.tail) if isinstance(end, Entity)}
