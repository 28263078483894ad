from pathlib import Path

from kgbuild.cli.options import AsJson, GraphFolder, StoreUrl
from kgbuild.cli.terminal import counted, print_json, stdout


def push(store: StoreUrl, *, folder: GraphFolder = Path("kg"), json: AsJson = False) -> None:
    """Write the graph to a store, in place of what was written there before.

    Only what differs is written. In a Neo4j database nothing but kgbuild's own nodes and
    relationships is touched. A push that was cut off is finished by the next one.
    """
    from kgbuild.graph import KnowledgeGraph

    with KnowledgeGraph.open(folder, create=False) as kg:
        difference = kg.push(store)
    if json:
        print_json(difference.to_json())
    elif difference:
        added = counted(difference.missing, "thing")
        changes = f"{added} added, {difference.changed:,} changed, {difference.extra:,} deleted"
        stdout().print(f"{store}: {changes}", markup=False)
    else:
        stdout().print(f"{store}: up to date, nothing was written", markup=False)
