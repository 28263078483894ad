import shlex
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgbuild.cli.options import (
    AsJson,
    Device,
    ModelName,
    OntologyNameIfNew,
    Paths,
    RelationsName,
    Rerank,
    check_rerank,
    load_ontology,
)
from kgbuild.cli.terminal import counted, print_error, print_json, stdout
from kgbuild.progress import bar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kgbuild.datatypes import Triple
    from kgbuild.graph import IngestReport


def ingest(
    paths: Paths,
    *,
    ontology: OntologyNameIfNew = None,
    into: Annotated[
        Path,
        typer.Option(
            metavar="DIR", file_okay=False, help="The folder of the graph; made if need be."
        ),
    ] = Path("kg"),
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Write the graph here as well: neo4j://HOST, or a .jsonl, .nt, .ttl or"
            " .graphml file.",
        ),
    ] = None,
    known: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Entities that names mean first and whose ids are kept: .csv with id, type, name"
            " and aliases, or .ttl.",
        ),
    ] = None,
    model: ModelName = "bundled",
    relations: RelationsName = None,
    rerank: Rerank = None,
    device: Device = "auto",
    json: AsJson = False,
) -> None:
    """Read documents into a graph.

    Only what is new or has changed since the last run is read; what a changed or deleted
    document alone supported leaves the graph. A graph remembers its ontology, so that later
    runs may leave it out.
    """
    from kgbuild.graph import KnowledgeGraph
    from kgbuild.ledger import FILE_NAME

    if ontology is None and not (into / FILE_NAME).exists():
        raise typer.BadParameter(
            "a new graph needs one: a YAML file, company, general or science",
            param_hint="--ontology",
        )
    check_rerank(rerank, relations)
    chosen = load_ontology(ontology) if ontology else None
    with KnowledgeGraph.open(
        into,
        ontology=chosen,
        model=model,
        relations=relations,
        rerank=rerank,
        device=device,
        store=store,
    ) as kg:
        with bar() as progress:
            report = kg.ingest(paths, known=known, progress=progress)
        some = islice(kg.triples(), 1_000)
        example = max(some, key=lambda triple: len(triple.evidence), default=None)
    for document, reason in report.failures:
        print_error(f"{document}: {reason}")
    if json:
        print_json(report.to_json())
    else:
        print_report(report, into, example)
    if report.failed:
        raise typer.Exit(3)


def print_report(report: "IngestReport", folder: Path, example: "Triple | None") -> None:
    """What was read, what the graph holds now, what was left out and why, what to do next."""
    console = stdout()
    for line in report_lines(report, folder):
        console.print(line, markup=False)
    if example is not None:
        console.print("\nSee what it knows, and how it knows it:", style="dim")
        for command in next_commands(example, folder):
            console.print(f"  {command}", markup=False, soft_wrap=True)


def report_lines(report: "IngestReport", folder: Path) -> "Iterator[str]":
    """The report in sentences, without what is zero."""
    counts = {
        "read": report.read,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "failed": report.failed,
        "skipped, of a kind that is not read": report.skipped,
    }
    documents = [f"{count:,} {what}" for what, count in counts.items() if count]
    yield f"Documents  {', '.join(documents) or 'none found'} ({report.seconds:.1f} s)"
    yield (
        f"Graph      {counted(report.entities, 'entity', 'entities')} and "
        f"{counted(report.triples, 'triple')} in {folder}"
    )
    yield (
        f"Made of    {counted(report.mentions, 'mention')} and "
        f"{counted(report.relations, 'relation')} in {counted(report.chunks, 'chunk')}; "
        f"{report.coverage:.1%} of the text was read"
    )
    if report.dropped:
        dropped = [f"{count:,} {reason}" for reason, count in sorted(report.dropped.items())]
        yield f"Left out   {', '.join(dropped)}"
    if report.chunks and not report.triples:
        yield "No triples: does the ontology name what the documents speak of?"


def next_commands(triple: "Triple", folder: Path) -> list[str]:
    """Commands that work on this graph, ready to be pasted."""
    edge = [triple.head.name, triple.type, str(triple.tail)]
    commands = [
        ["kgbuild", "stats"],
        ["kgbuild", "explain", *edge],
        ["kgbuild", "search", triple.head.name],
    ]
    place = [] if folder == Path("kg") else ["--from", str(folder)]
    return [shlex.join([*command, *place]) for command in commands]
