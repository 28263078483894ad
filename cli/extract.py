import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from kgbuild.cli.options import (
    Device,
    ModelName,
    OntologyName,
    Paths,
    RelationsName,
    Rerank,
    check_rerank,
    load_ontology,
)
from kgbuild.cli.terminal import print_error, print_json
from kgbuild.progress import Silent, bar

if TYPE_CHECKING:
    from kgbuild.datatypes import Document, Extraction
    from kgbuild.extraction import Extractor

Failures = list[tuple[str, str]]


def extract(
    paths: Paths,
    *,
    ontology: OntologyName,
    model: ModelName = "bundled",
    relations: RelationsName = None,
    rerank: Rerank = None,
    device: Device = "auto",
) -> None:
    """Print what the model finds in each document, as JSON Lines; builds no graph."""
    from kgbuild.extraction import Extractor

    check_rerank(rerank, relations)
    failures: Failures = []
    extractor = Extractor(
        model, load_ontology(ontology), device=device, relations=relations, rerank=rerank
    )
    lines_are_progress = sys.stdout.isatty()
    with nullcontext(Silent()) if lines_are_progress else bar() as progress:
        progress.stage("Extracting")
        for extraction in extractions(paths, extractor, failures):
            print_json(as_json(extraction))
            progress.advance()
    for document, reason in failures:
        print_error(f"{document}: {reason}")
    if failures:
        raise typer.Exit(3)


def extractions(
    paths: Sequence[Path], extractor: "Extractor", failures: Failures
) -> Iterator["Extraction"]:
    """What was found in each document that could be read; the others end up in `failures`."""
    for extracted in extractor.extract(documents(paths, failures)):
        if extracted.extraction is not None:
            yield extracted.extraction
        else:
            failures.append((extracted.document.id, extracted.error or "extraction failed"))


def documents(paths: Sequence[Path], failures: Failures) -> Iterator["Document"]:
    """Every document that can be read; the others end up in `failures`."""
    from kgbuild.readers import Skipped, Unreadable, read

    for item in read(paths):
        if isinstance(item, Unreadable):
            failures.append((item.id, item.reason))
        elif not isinstance(item, Skipped):
            yield item


def as_json(extraction: "Extraction") -> dict[str, Any]:
    """The record that scripts rely on: `head` and `tail` index the mentions."""
    index = {mention: i for i, mention in enumerate(extraction.mentions)}
    return {
        "document": extraction.document_id,
        "coverage": extraction.coverage,
        "mentions": [
            {"start": m.start, "end": m.end, "text": m.text, "type": m.type, "score": m.score}
            for m in extraction.mentions
        ],
        "relations": [
            {"head": index[r.head], "tail": index[r.tail], "type": r.type, "score": r.score}
            for r in extraction.relations
        ],
    }
