import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer

from kgbuild.cli.options import GraphFolder


def export(
    *,
    format: Annotated[
        Literal["jsonl", "nt", "turtle", "graphml", "neo4j-csv"],
        typer.Option(
            help="JSON Lines and GraphML carry everything; nt is sorted, for diffs; neo4j-csv is a"
            " zip file for `neo4j-admin database import`."
        ),
    ],
    folder: GraphFolder = Path("kg"),
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Write here, not to standard output."),
    ] = None,
) -> None:
    """Write the whole graph in a format that other programs read."""
    from kgbuild.graph import KnowledgeGraph

    with KnowledgeGraph.open(folder, create=False) as kg, opened(output) as out:
        kg.export(format, out)


@contextmanager
def opened(path: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that appears only when it is complete."""
    if path is None:
        yield sys.stdout.buffer
        return
    part = path.with_name(f".{path.name}.part")
    from kgbuild.errors import StoreError

    try:
        with part.open("wb") as file:
            yield file
        os.replace(part, path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
