import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgbuild.cli.options import AsJson, Device, ModelName, OntologyNameIfNew, Paths, load_ontology
from kgbuild.cli.terminal import print_json, stdout, value
from kgbuild.progress import bar

if TYPE_CHECKING:
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
            help="Write the graph here as well: a .jsonl, .nt, .ttl or .graphml file.",
        ),
    ] = None,
    model: ModelName = "bundled",
    device: Device = "auto",
    json: AsJson = False,
) -> None:
    """Read documents into a graph.

    Only what is new or has changed since the last run is read; what a changed or deleted
    document alone supported leaves the graph. A graph remembers its ontology, so that later
    runs may leave it out.
    """
    from kgbuild.graph import KnowledgeGraph

    if ontology is None and not (into / "ledger.sqlite").exists():
        raise typer.BadParameter(
            "a new graph needs one: a YAML file or a ready ontology", param_hint="--ontology"
        )
    chosen = load_ontology(ontology) if ontology else None
    with KnowledgeGraph.open(into, ontology=chosen, model=model, device=device, store=store) as kg:
        with bar() as progress:
            report = kg.ingest(paths, progress=progress)
        if json:
            print_json(report.to_json())
        else:
            print_report(report, into, next(iter(kg.triples()), None))
    if report.failed:
        raise typer.Exit(3)


def print_report(report: "IngestReport", folder: Path, example: "Triple | None") -> None:
    """What was read, what the graph holds now, what was left out and why, what to do next."""
    console = stdout()
    for line in report_lines(report, folder):
        console.print(line, markup=False)
    for document, reason in report.failures:
        console.print(f"  failed  {document}: {reason}", style="red", markup=False)
    if example is not None:
        console.print(f"\nNext:\n  {explain_command(example, folder)}", markup=False)


def report_lines(report: "IngestReport", folder: Path) -> list[str]:
    """The report in sentences, without what is zero."""
    counts = {
        "read": report.read,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "failed": report.failed,
        "skipped (of a kind we do not read)": report.skipped,
    }
    documents = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    lines = [
        f"Documents: {documents or 'none'} ({report.seconds:.1f} s)",
        f"Graph:     {report.entities:,} entities, {report.triples:,} triples in {folder}",
        f"From:      {report.chunks:,} chunks, {report.mentions:,} mentions, "
        f"{report.relations:,} relations; {report.coverage:.1%} of the text was read",
    ]
    if report.dropped:
        dropped = ", ".join(f"{count:,} {why}" for why, count in report.dropped.items())
        lines.append(f"Left out:  {dropped}")
    return lines


def explain_command(triple: "Triple", folder: Path) -> str:
    """The command that shows the evidence of this triple, ready to be pasted."""
    edge = [triple.head.name, triple.type, value(triple.tail)]
    return shlex.join(["kgbuild", "explain", *edge, "--from", str(folder)])
