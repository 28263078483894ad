"""One run over files and folders: read, skip what is unchanged, extract, record, remove.

A run may end at any moment; the next one goes on from the documents that are recorded.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kgbuild.datatypes import Document
from kgbuild.ledger import DocumentState, Ledger
from kgbuild.progress import Progress

if TYPE_CHECKING:
    from kgbuild.extraction import Extracted


class DocumentExtractor(Protocol):
    """What reads documents; `kgbuild.extraction.Extractor` is the one."""

    @property
    def fingerprint(self) -> str:
        """Another text whenever the same document might be read otherwise."""
        ...

    def extract(self, documents: Iterable[Document]) -> Iterator["Extracted"]: ...


@dataclass(slots=True)
class IngestReport:
    """What a run did (`read` to `failures`) and what the graph holds after it.

    Attributes:
        read: Documents that went through the model.
        skipped: Files of a kind that is not read.
        failures: Id and reason of each document that failed.
        coverage: Share of all text that the model has read.
        dropped: What was extracted but is not in the graph: how often, by reason.
    """

    read: int = 0
    unchanged: int = 0
    failed: int = 0
    removed: int = 0
    skipped: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    chunks: int = 0
    mentions: int = 0
    relations: int = 0
    entities: int = 0
    triples: int = 0
    coverage: float = 1.0
    dropped: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The report as the plain data that scripts rely on."""
        names = ("chunks", "mentions", "relations", "entities", "triples", "coverage")
        return {
            "documents": {
                "read": self.read,
                "unchanged": self.unchanged,
                "failed": self.failed,
                "removed": self.removed,
            },
            **{name: getattr(self, name) for name in names},
            "seconds": round(self.seconds, 3),
            "skipped": self.skipped,
            "failures": [{"document": id, "reason": reason} for id, reason in self.failures],
            "dropped": self.dropped,
        }


class Ingestion:
    """Brings a ledger in step with files and folders.

    Args:
        build: Names the ontology and the model; documents of another build are extracted again.
        extractor: Called only if there is something to extract, for it may load a model.
    """

    def __init__(
        self,
        ledger: Ledger,
        build: str,
        extractor: Callable[[], DocumentExtractor],
        progress: Progress,
    ) -> None:
        self.report = IngestReport()
        self._ledger = ledger
        self._build = build
        self._extractor = extractor
        self._progress = progress

    def run(self, paths: Sequence[Path]) -> IngestReport:
        self._progress.stage("Reading")
        documents = self._to_extract(paths)
        first = next(documents, None)
        if first is not None:
            self._progress.stage("Loading the model")
            extractor = self._extractor()
            self._record_all(extractor.extract(chain([first], documents)))
        return self.report

    def _to_extract(self, paths: Sequence[Path]) -> Iterator[Document]:
        """What is new or changed, then what the graph holds from elsewhere in another build."""
        roots = _roots(paths)
        self._ledger.start_run()
        yield from self._changed(paths, roots)
        self.report.removed += self._ledger.remove_unseen(roots)
        yield from self._ledger.built_otherwise(self._build)

    def _changed(self, paths: Sequence[Path], roots: Sequence[Path]) -> Iterator[Document]:
        from kgbuild.readers import Skipped, Unreadable, read

        own = os.path.abspath(self._ledger.database.path.parent)
        for item in read(paths):
            if not isinstance(item, Document) and Path(item.source).is_relative_to(own):
                continue  # the graph lies among the documents
            if isinstance(item, Skipped):
                self.report.skipped += 1
            elif isinstance(item, Unreadable):
                self._fail(item.id, item.source, item.reason)
            elif self._is_new(item, roots):
                yield item

    def _is_new(self, document: Document, roots: Sequence[Path]) -> bool:
        """Whether to extract a document; if not, that is counted."""
        state = self._ledger.state(document.id)
        if state is None:
            self._ledger.saw(document.id)
            return True
        same_text = state.content_hash == document.content_hash
        elsewhere = self._lives_elsewhere(state, document, roots)
        if elsewhere and not same_text:
            reason = f"its id is taken by {state.source}, which is in the graph; rename one of them"
            self._refuse(document.id, reason)
            return False
        self._ledger.saw(document.id)
        if not same_text or state.build != self._build:
            return True
        if not elsewhere:
            self._ledger.describe(document)
        self.report.unchanged += 1
        return False

    def _lives_elsewhere(
        self, state: DocumentState, document: Document, roots: Sequence[Path]
    ) -> bool:
        """Whether the id belongs to a file that is there still and that this run does not read."""
        source = Path(state.source)
        return (
            state.source != document.metadata["source"]
            and not any(source.is_relative_to(root) for root in roots)
            and source.exists()
        )

    def _record_all(self, extracted: Iterable["Extracted"]) -> None:
        self._progress.stage("Extracting")
        for item in extracted:
            if item.extraction is None:
                source = str(item.document.metadata.get("source", ""))
                self._fail(item.document.id, source, item.error or "extraction failed")
            else:
                self._ledger.record(item, self._build)
                self.report.read += 1
            self._progress.advance()

    def _fail(self, document_id: str, source: str, reason: str) -> None:
        self._ledger.saw(document_id)
        self._ledger.fail(document_id, source, reason)
        self._refuse(document_id, reason)

    def _refuse(self, document_id: str, reason: str) -> None:
        self.report.failed += 1
        self.report.failures.append((document_id, reason))


def _roots(paths: Sequence[Path]) -> list[Path]:
    """The paths as documents' sources begin with them."""
    return sorted({Path(os.path.abspath(path)) for path in paths})
