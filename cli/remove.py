from pathlib import Path
from typing import Annotated

import typer

from kgbuild.cli.options import GraphFolder
from kgbuild.cli.terminal import counted, print_error, stdout


def remove(
    documents: Annotated[
        list[str],
        typer.Argument(metavar="DOCUMENT...", help="Ids: paths below the folder once ingested."),
    ],
    *,
    folder: GraphFolder = Path("kg"),
) -> None:
    """Take documents out of a graph, and with them what they alone supported."""
    from kgbuild.graph import KnowledgeGraph

    with KnowledgeGraph.open(folder, create=False) as kg:
        unknown = sorted(set(documents).difference(kg.documents()))
        removed = kg.remove(*documents)
    stdout().print(f"{counted(removed, 'document')} removed")
    for document in unknown:
        print_error(f"{document}: no such document in the graph")
    if unknown:
        raise typer.Exit(3)
