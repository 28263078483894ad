from pathlib import Path
from typing import Annotated

import typer

from kgbuild.cli.options import GraphFolder
from kgbuild.cli.terminal import stdout


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
        removed = kg.remove(*documents)
    stdout().print(f"{removed:,} removed")
