from pathlib import Path

import typer

from kgbuild.cli.options import AsJson, GraphFolder, StoreUrl
from kgbuild.cli.terminal import one_line, print_json, stdout


def diff(store: StoreUrl, *, folder: GraphFolder = Path("kg"), json: AsJson = False) -> None:
    """Compare a store with the graph, and say what differs; nothing is written.

    Everything in the store is read. The exit code is 1 if there is a difference.
    """
    from kgbuild.graph import KnowledgeGraph

    with KnowledgeGraph.open(folder, create=False) as kg:
        difference = kg.diff(store)
    if json:
        print_json(difference.to_json())
    elif difference:
        counts = (
            f"{difference.missing:,} missing, {difference.changed:,} changed,"
            f" {difference.extra:,} that the graph does not have"
        )
        stdout().print(f"{store}: {counts}; for example", markup=False)
        for example in difference.examples:
            stdout().print(f"  {one_line(example)}", markup=False)
    else:
        stdout().print(f"{store}: holds this graph", markup=False)
    if difference:
        raise typer.Exit(1)
