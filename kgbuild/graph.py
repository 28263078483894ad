"""The door: one knowledge graph in one folder.

    with KnowledgeGraph.open("kg", ontology=Ontology.load("ontology.yaml")) as kg:
        report = kg.ingest(["documents"])
        for triple in kg.triples(head="Ada Lovelace"):
            print(triple.evidence[0].quote)

A model is loaded when there is something for it to do, not before.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from kgbuild.connectors.embedded import EmbeddedGraph
from kgbuild.connectors.files import export
from kgbuild.connectors.sparql import Answer, Projection
from kgbuild.connectors.store import Difference, GraphStore, open_store
from kgbuild.curation import Curation, EntityDetails, Question
from kgbuild.datatypes import Entity, Triple
from kgbuild.errors import QueryError
from kgbuild.ingestion import DocumentExtractor, Ingestion, IngestReport
from kgbuild.known import read_known
from kgbuild.ledger import Ledger, assemble, only_writer, resolve_names, set_known
from kgbuild.literals import literal
from kgbuild.ontology import Ontology
from kgbuild.progress import Progress, Silent

if TYPE_CHECKING:
    from kgbuild.embeddings import TextEmbedder
    from kgbuild.resolution import Judgement
    from kgbuild.retrieval import EmbeddedPassages, SearchResult

__all__ = ["GraphStats", "IngestReport", "KnowledgeGraph"]


@dataclass(frozen=True, slots=True)
class GraphStats:
    """How much a graph holds.

    Attributes:
        coverage: Share of all text that the model has read.
        failed: Documents that could not be read or extracted when last tried.
        dropped: What was extracted but is not in the graph: how often, by reason.
    """

    documents: int
    failed: int
    chunks: int
    mentions: int
    relations: int
    entities: int
    triples: int
    coverage: float
    entity_types: dict[str, int]
    relation_types: dict[str, int]
    dropped: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Settings:
    """How to extract, resolve and copy; nothing of it is loaded before it is needed."""

    ontology: Ontology | None
    model: str | Path
    device: str
    extractor: DocumentExtractor | None
    embedder: "TextEmbedder | None"
    store: GraphStore | None
    relations: str | Path | None
    rerank: str | Path | None


class KnowledgeGraph:
    """A knowledge graph in a folder. Made by `open`; close it, or use it in a `with` block."""

    def __init__(self, folder: Path, ledger: Ledger, settings: _Settings) -> None:
        self.folder = folder
        self._ledger = ledger
        self._settings = settings
        self._graph = EmbeddedGraph(ledger, lambda texts: self._embedder.embed(texts))
        self._projection = Projection(self._graph)
        self._curation = Curation(self._graph)

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        ontology: Ontology | None = None,
        model: str | Path = "bundled",
        device: str = "auto",
        store: str | None = None,
        create: bool = True,
        extractor: DocumentExtractor | None = None,
        embedder: "TextEmbedder | None" = None,
        relations: str | Path | None = None,
        rerank: str | Path | None = None,
    ) -> Self:
        """Open the graph in a folder.

        Args:
            folder: Where the graph lives.
            ontology: What to look for; if not given, that of the last run.
            model: What reads the documents: a name or a folder.
            device: Where the models run: `auto`, `cpu`, `cuda`, `mps`.
            store: A URL or a file to write the graph to after every change as well.
            create: Make the folder if there is no graph in it.
            extractor: Reads the documents instead of `model`.
            embedder: Compares names and questions instead of the model in the box.
            relations: The folder of a trained document-level system, or `relex` for the head of
                `model`: reads relations off whole documents, in the place of `model`.
            rerank: The folder of trained adapted predicates, which read again what `relations` is
                unsure of.

        Raises:
            StoreError: There is no graph and none is to be made, or it cannot be opened or made.
        """
        target = open_store(store) if store else None
        ledger = Ledger.open(Path(folder), create=create)
        settings = _Settings(
            ontology, model, device, extractor, embedder, target, relations, rerank
        )
        return cls(Path(folder), ledger, settings)

    def close(self) -> None:
        self._ledger.close()
        if self._settings.store:
            self._settings.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def ontology(self) -> Ontology:
        """The ontology that was given, or else the one that the graph was built with.

        Raises:
            StoreError: Neither is there.
        """
        return self._settings.ontology or self._graph.ontology

    # Changing the graph

    def ingest(
        self,
        paths: Sequence[str | Path],
        *,
        known: str | Path | None = None,
        progress: Progress | None = None,
    ) -> IngestReport:
        """Bring the graph in step with files and folders.

        Reads what is new or has changed, forgets what is gone from them, and extracts again what
        was extracted with another ontology or model. A run that was killed is continued by the
        next one.

        Args:
            paths: Files and folders.
            known: A CSV or Turtle file of entities that names mean first, and whose ids are kept
                (`kgbuild.known`); the graph remembers them until it is given others.
            progress: Is told how far things are.

        Raises:
            DocumentError: A path does not exist, or the known entities cannot be read.
            StoreError: Another process is writing, or the disk fails.
        """
        started = time.monotonic()
        progress = progress or Silent()
        things = read_known(Path(known), self.ontology) if known else None
        with self._writing():
            if things is not None:
                set_known(self._ledger, things)
            run = Ingestion(self._ledger, self._build, lambda: self._extractor, progress)
            report = run.run([Path(path) for path in paths])
            self._update(self.ontology, progress)
            self._complete(report)
        report.seconds = time.monotonic() - started
        return report

    def remove(self, *document_ids: str) -> int:
        """Take documents out, and what they alone supported; the number that were there."""
        with self._writing():
            removed = sum(self._ledger.remove(id) for id in document_ids)
            self._update(self._graph.ontology if self._graph.version else self.ontology, Silent())
        return removed

    # Deciding what is one thing

    def merge(self, *entities: str) -> Entity:
        """Make two or more entities, given by name or id, one.

        The machine never overrules this, whatever is read or removed later; `undo` takes it back.

        Raises:
            QueryError: A name means no entity, or several.
        """
        with self._deciding():
            name = self._curation.merge(entities)
        return self._curation.entity_of(name)

    def split(
        self, entity: str, *, names: Collection[str] = (), documents: Collection[str] = ()
    ) -> tuple[Entity, Entity]:
        """Make some names of an entity, or what some documents mean by it, another entity.

        Returns:
            What was taken out, and what was left.

        Raises:
            QueryError: None of its names is meant, or all are.
        """
        with self._deciding():
            out, rest = self._curation.split(entity, names, documents)
        return self._curation.entity_of(out), self._curation.entity_of(rest)

    def undo(self, number: int | None = None) -> "Judgement":
        """Take back the last decision of a person, or the one of a number: the graph is as before.

        Raises:
            QueryError: There is none, or a later one builds on it.
        """
        with self._deciding():
            return self._curation.undo(number)

    def questions(self, limit: int | None = None) -> list[Question]:
        """Pairs of names that may or may not mean one thing, the most uncertain first."""
        return self._curation.questions(limit)

    def answer(self, answers: Iterable[tuple[Question, bool]]) -> int:
        """Decide questions, yes: one thing, no: two; how many were decided."""
        with self._deciding():
            return len(self._curation.answer(answers))

    # Copying it

    def push(self, store: str, *, repair: bool = False) -> Difference:
        """Make a store hold this graph and nothing else; what it held otherwise before.

        Args:
            store: Its URL, or a file.
            repair: Read all that it holds, and put back what others have changed there.

        Raises:
            StoreError: There is no such store, or it cannot be written.
        """
        with closing(open_store(store)) as target:
            return target.write(self._graph, repair=repair)

    def diff(self, store: str) -> Difference:
        """What a store holds otherwise than this graph; nothing is written.

        Raises:
            StoreError: There is no such store, or it cannot be read.
        """
        with closing(open_store(store)) as target:
            return target.compare(self._graph)

    # Reading it

    def documents(self) -> Iterator[str]:
        """Ids of the documents, in order."""
        return (id for id, _ in self._ledger.documents())

    def entities(self, name: str | None = None, type: str | None = None) -> Iterator[Entity]:
        """Entities in order of id: all, or those of a name or a type (with the types below it)."""
        return self._graph.entities(name, type)

    def entity(self, name: str) -> EntityDetails:
        """One entity with all that its names and the decisions on them tell.

        Raises:
            QueryError: The name means no entity, or several.
        """
        return self._curation.details(name)

    def triples(
        self, head: str | None = None, type: str | None = None, tail: str | None = None
    ) -> Iterator[Triple]:
        """Triples with their evidence, ends given by name, alias or id: all, or those that fit."""
        return self._graph.triples(head, type, tail)

    def explain(self, head: str, type: str, tail: str) -> Triple:
        """One edge with its evidence; of several that fit, the one with the highest score.

        A tail may be a value in any form that a document might give it: "1 May 1843".

        Raises:
            QueryError: There is none; the message has names that are near.
        """
        readings = {tail, literal(tail, "date").value, literal(tail, "number").value}
        fitting = [triple for text in sorted(readings) for triple in self.triples(head, type, text)]
        if not fitting:
            raise QueryError(self._why_not(head, type, tail))
        return max(fitting, key=lambda triple: triple.score)

    def search(self, question: str, k: int = 5) -> "SearchResult":
        """The k passages that answer a question best, and the part of the graph around them."""
        from kgbuild.retrieval import search

        return search(self._passages, question, k=k)

    def query(self, sparql: str) -> Answer:
        """Answer a SPARQL query; see `kgbuild.connectors.sparql` for what is where.

        Raises:
            QueryError: It is not SPARQL, or more than a question about this graph.
        """
        return self._projection.query(sparql)

    def stats(self) -> GraphStats:
        """Count what is there."""
        with self._graph.snapshot():
            return GraphStats(
                **asdict(self._ledger.totals()),
                failed=sum(1 for _ in self._ledger.failures()),
                **self._graph.counts(),
            )

    def export(self, format: str, out: BinaryIO) -> None:
        """Write the whole graph as `jsonl`, `nt`, `turtle`, `graphml` or `neo4j-csv` (zipped)."""
        export(self._graph, format, out)

    # How

    @cached_property
    def _extractor(self) -> DocumentExtractor:
        if self._settings.extractor:
            return self._settings.extractor
        from kgbuild.extraction import Extractor

        settings = self._settings
        return Extractor(
            settings.model,
            self.ontology,
            device=settings.device,
            relations=settings.relations,
            rerank=settings.rerank,
        )

    @cached_property
    def _embedder(self) -> "TextEmbedder":
        if self._settings.embedder:
            return self._settings.embedder
        from kgbuild.embeddings import Embedder

        return Embedder(device=self._settings.device, cache=self._ledger)

    @cached_property
    def _passages(self) -> "EmbeddedPassages":
        from kgbuild.retrieval import EmbeddedPassages

        return EmbeddedPassages(self._graph, self._embedder)

    @property
    def _build(self) -> str:
        """What documents were extracted with, known without loading it."""
        if self._settings.extractor:
            return self._settings.extractor.fingerprint
        from kgbuild.extraction import fingerprint_of

        of = self._settings
        return fingerprint_of(of.model, self.ontology, of.relations, of.rerank)

    @property
    def _resolver(self) -> str:
        """By what names are resolved: the rules and the vectors."""
        from kgbuild import __version__

        embedder = self._embedder
        return f"{__version__} {type(embedder).__qualname__} {getattr(embedder, 'model', '')}"

    def _writing(self) -> AbstractContextManager[None]:
        return only_writer(self.folder / "ledger.lock")

    @contextmanager
    def _deciding(self) -> Iterator[None]:
        """Inside it, decisions are recorded; after it, the graph follows them."""
        with self._writing():
            if self._is_stale(self.ontology):  # what is decided upon must be what is there
                self._update(self.ontology, Silent())
            yield
            self._update(self.ontology, Silent())

    def _is_stale(self, ontology: Ontology) -> bool:
        made_with = self._ledger.get("ontology"), self._ledger.get("resolver")
        return self._ledger.dirty or made_with != (ontology.to_yaml(), self._resolver)

    def _update(self, ontology: Ontology, progress: Progress) -> None:
        """Bring the graph in step with the ledger, and the store with the graph."""
        if self._is_stale(ontology):
            progress.stage("Resolving names")
            resolution = resolve_names(self._ledger, ontology, self._embedder.embed, self._resolver)
            progress.stage("Building the graph")
            assemble(self._ledger.database, ontology, resolution, self._resolver)
        if self._settings.store:
            progress.stage("Writing")
            self._settings.store.write(self._graph)

    def _complete(self, report: IngestReport) -> None:
        """Fill in what the graph holds now."""
        stats = self.stats()
        for name in ("chunks", "mentions", "relations", "entities", "triples", "coverage"):
            setattr(report, name, getattr(stats, name))
        report.dropped = stats.dropped

    def _why_not(self, head: str, type: str, tail: str) -> str:
        if not any(self.entities(head)):
            return self._unknown(head)
        if type not in self._graph.ontology.relations:
            known = ", ".join(self._graph.ontology.relations)
            return f"the ontology has no relation '{type}'; it has {known}"
        others = [repr(str(triple.tail)) for triple in islice(self.triples(head, type), 3)]
        if others:
            return f"'{head}' has no '{type}' to '{tail}', but to {', '.join(others)}"
        return f"'{head}' has no '{type}' in this graph"

    def _unknown(self, name: str) -> str:
        near = ", ".join(f"'{other}'" for other in self._graph.similar_names(name))
        return f"nothing in the graph is called '{name}'" + (f"; near are {near}" if near else "")
