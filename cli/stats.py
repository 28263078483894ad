from pathlib import Path

from kgbuild.cli.options import AsJson, GraphFolder
from kgbuild.cli.terminal import print_json, print_table


def stats(*, folder: GraphFolder = Path("kg"), json: AsJson = False) -> None:
    """Count what a graph holds: documents, entities by type, triples by type."""
    from kgbuild.graph import KnowledgeGraph

    with KnowledgeGraph.open(folder, create=False) as kg:
        counts = kg.stats().to_json()
    if json:
        print_json(counts)
    else:
        print_table(("what", "how many"), counts.items())
