"""LangChain documents, read by a model of ours: what each mentions, and the graph of them all."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from langchain_core.documents import Document as LangChainDocument

from kgbuild.connectors.embedded import EmbeddedGraph
from kgbuild.datatypes import Document, Entity, Mention, Triple
from kgbuild.embeddings import Embedder, TextEmbedder
from kgbuild.errors import DocumentError
from kgbuild.extraction import Extracted, Extractor
from kgbuild.ingestion import DocumentExtractor
from kgbuild.ledger import Ledger, assemble, names
from kgbuild.ontology import Ontology
from kgbuild.resolution import resolve
from kgbuild.retrieval import EmbeddedPassages


@dataclass(frozen=True, slots=True)
class Reading:
    """What one document says.

    Attributes:
        mentions: In order of position.
        entities: What the mentions name, values aside.
        triples: With evidence from this document only, and the best score among it.
    """

    mentions: tuple[Mention, ...]
    entities: tuple[Entity, ...]
    triples: tuple[Triple, ...]


class Reader:
    """Reads documents with one model and one ontology; loads both when first needed."""

    def __init__(
        self,
        ontology: Ontology,
        model: str | Path,
        device: str,
        extractor: DocumentExtractor | None,
        embedder: TextEmbedder | None,
    ) -> None:
        self.ontology = ontology
        self._model = model
        self._device = device
        self._given = extractor, embedder
        self._lock = Lock()

    def read(self, documents: Sequence[LangChainDocument]) -> list[Reading]:
        """Read documents together, so that a thing has one name in all of them.

        Raises:
            DocumentError: One of them cannot be read.
        """
        texts = [Document(str(n), each.page_content) for n, each in enumerate(documents)]
        with self._lock:
            extracted = list(self._extractor.extract(texts))
            with self._graph(extracted) as graph:
                return list(_readings(extracted, graph))

    @contextmanager
    def _graph(self, extracted: Sequence[Extracted]) -> Iterator[EmbeddedPassages]:
        """The graph of some documents; it is gone afterwards."""
        with TemporaryDirectory() as folder, Ledger.open(Path(folder)) as ledger:
            for one in extracted:
                if one.extraction is None:
                    raise DocumentError(f"document {one.document.id}, counted from 0: {one.error}")
                ledger.record(one, build="")
            found = names(ledger.database, self.ontology)
            resolution = resolve(found, self.ontology, embed=self._embedder.embed)
            assemble(ledger.database, self.ontology, resolution)
            yield EmbeddedPassages(EmbeddedGraph(ledger), self._embedder)

    @cached_property
    def _extractor(self) -> DocumentExtractor:
        return self._given[0] or Extractor(self._model, self.ontology, device=self._device)

    @cached_property
    def _embedder(self) -> TextEmbedder:
        return self._given[1] or Embedder(device=self._device)


def _readings(extracted: Sequence[Extracted], passages: EmbeddedPassages) -> Iterator[Reading]:
    said: dict[str, list[Triple]] = defaultdict(list)
    for triple in passages.graph.triples():
        for document, group in groupby(triple.evidence, key=lambda one: one.document_id):
            evidence = tuple(group)
            score = max(one.score for one in evidence)
            said[document].append(replace(triple, evidence=evidence, score=score))
    for one in extracted:
        id = one.document.id
        mentioned = passages.mentioned([(id, chunk.index) for chunk in one.chunks]).values()
        yield Reading(
            mentions=one.extraction.mentions if one.extraction else (),
            entities=tuple(dict.fromkeys(entity for each in mentioned for entity in each)),
            triples=tuple(said[id]),
        )
