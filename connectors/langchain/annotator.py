"""Documents with what they mention and say in their metadata."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.documents import BaseDocumentTransformer, Document
from langchain_core.runnables import run_in_executor

from kgbuild.connectors.files import triple_to_json
from kgbuild.connectors.langchain.reading import Reader, Reading
from kgbuild.datatypes import Mention, Triple
from kgbuild.embeddings import TextEmbedder
from kgbuild.ingestion import DocumentExtractor
from kgbuild.ontology import Ontology


class GraphAnnotator(BaseDocumentTransformer):
    """Adds `mentions` and `triples` to the metadata of documents; their texts stay as they are.

    All places are characters of the document's text, half-open. The arguments are those of
    `KnowledgeGraph.open`.
    """

    def __init__(
        self,
        ontology: Ontology,
        *,
        model: str | Path = "bundled",
        device: str = "auto",
        extractor: DocumentExtractor | None = None,
        embedder: TextEmbedder | None = None,
    ) -> None:
        self._reader = Reader(ontology, model, device, extractor, embedder)

    def transform_documents(
        self, documents: Sequence[Document], **kwargs: object
    ) -> Sequence[Document]:
        """Copies of the documents with more metadata.

        Raises:
            DocumentError: One of them cannot be read.
        """
        readings = self._reader.read(documents)
        return [_annotated(of, one) for of, one in zip(documents, readings, strict=True)]

    async def atransform_documents(
        self, documents: Sequence[Document], **kwargs: object
    ) -> Sequence[Document]:
        """The same, in a thread of its own."""
        return await run_in_executor(None, self.transform_documents, documents)


def _annotated(document: Document, reading: Reading) -> Document:
    found = {
        "mentions": [_mention(mention) for mention in reading.mentions],
        "triples": [_triple(triple) for triple in reading.triples],
    }
    return document.model_copy(update={"metadata": {**document.metadata, **found}})


def _mention(mention: Mention) -> dict[str, Any]:
    names = ("text", "type", "start", "end", "score")
    return {name: getattr(mention, name) for name in names}


def _triple(triple: Triple) -> dict[str, Any]:
    """As `kgbuild export` writes it, but for the document, which is this one."""
    plain = triple_to_json(triple)
    for evidence in plain["evidence"]:
        del evidence["document"]
    return plain
