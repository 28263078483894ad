from pathlib import Path
from typing import Annotated

import typer

from kgbuild.cli.options import AsJson, GraphFolder, StoreUrl
from kgbuild.cli.terminal import counted, print_json, stdout

Repair = Annotated[
    bool,
    typer.Option("--repair", help="Read all of the store, and put back what others have changed."),
]


def push(
    store: StoreUrl,
    *,
    repair: Repair = False,
    folder: GraphFolder = Path("kg"),
    json: AsJson = False,
) -> None:
    """Write the graph to a store, in place of what was written there before.

    Only what differs is written. In a Neo4j database nothing but kgbuild's own nodes and
    relationships is touched. A push that was cut off is finished by the next one. What others have
    deleted is put back as well; for properties that they have changed, use --repair.
    """
    from kgbuild.graph import KnowledgeGraph

    with KnowledgeGraph.open(folder, create=False) as kg:
        difference = kg.push(store, repair=repair)
    if json:
        print_json(difference.to_json())
    elif difference:
        added = counted(difference.missing, "thing")
        changes = f"{added} added, {difference.changed:,} changed, {difference.extra:,} deleted"
        stdout().print(f"{store}: {changes}", markup=False)
    else:
        stdout().print(f"{store}: up to date, nothing was written", markup=False)
