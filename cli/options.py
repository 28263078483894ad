"""Arguments and options that several commands share, checked before anything is loaded."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from kgbuild.ontology import Ontology


def graph_in(folder: Path) -> Path:
    """The folder, if it holds a graph; otherwise a usage error."""
    from kgbuild.ledger import FILE_NAME

    if not (folder / FILE_NAME).is_file():
        raise typer.BadParameter(f"no graph in '{folder}'; `kgbuild ingest` makes one")
    return folder


def ontology_named(name: str | None) -> str | None:
    """The name, if it is a file or a ready ontology; otherwise a usage error."""
    from kgbuild import ontologies

    if name is not None and not ontologies.find(name).exists():
        ready = ", ".join(ontologies.names())
        raise typer.BadParameter(f"no file '{name}', and no ready ontology of that name ({ready})")
    return name


def load_ontology(name: str) -> "Ontology":
    """The ontology in a file, or the ready one of that name."""
    from kgbuild import ontologies
    from kgbuild.ontology import Ontology

    return Ontology.load(ontologies.find(name))


def system_named(name: str | None) -> str | None:
    """The name, if a document-level system is called so; otherwise a usage error."""
    from kgbuild.models.docre import SYSTEMS

    if name is not None and name not in SYSTEMS:
        raise typer.BadParameter(f"no system is called '{name}'; there are {', '.join(SYSTEMS)}")
    return name


def check_rerank(rerank: Path | None, of: object) -> None:
    """Complain about a second look where there is no first one."""
    if rerank is not None and of is None:
        raise typer.BadParameter(
            "looks again at what --relations finds, which is not given", param_hint="--rerank"
        )


Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH...",
        exists=True,
        readable=False,  # a file that cannot be read is reported, and the others go on
        help="Files and folders to read. A folder is read with everything below it.",
    ),
]
_ontology = typer.Option(
    "--ontology",
    metavar="FILE",
    callback=ontology_named,
    help="What to look for: a YAML file, or a ready ontology: company, general or science.",
)
OntologyName = Annotated[str, _ontology]
OntologyNameIfNew = Annotated[str | None, _ontology]
ModelName = Annotated[
    str,
    typer.Option("--model", metavar="NAME|DIR", help="The model that reads: a name or a folder."),
]
RelationsName = Annotated[
    str | None,
    typer.Option(
        "--relations",
        metavar="DIR",
        help="Find relations across whole documents by a trained system (`kgbuild train --system`),"
        " or by the model's own head: relex.",
    ),
]
Rerank = Annotated[
    Path | None,
    typer.Option(
        "--rerank",
        metavar="DIR",
        exists=True,
        file_okay=False,
        help="Read the pairs that --relations is unsure of again, each on its own, by a trained"
        " adapted-predicates.",
    ),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"],
    typer.Option("--device", help="Where the model runs. `auto` takes a GPU if there is one."),
]
GraphFolder = Annotated[
    Path,
    typer.Option("--from", metavar="DIR", callback=graph_in, help="The folder of the graph."),
]
StoreUrl = Annotated[
    str,
    typer.Argument(
        metavar="STORE",
        help="neo4j://HOST (user and password: NEO4J_USERNAME, NEO4J_PASSWORD), or a .jsonl, .nt,"
        " .ttl or .graphml file.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")]

AnnotatedFiles = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...",
        exists=True,
        dir_okay=False,
        help="Annotated texts as JSON Lines, gzipped or not; the README shows one. Or .txt files of"
        " marked passages, as in the project's `passages`.",
    ),
]
