from pathlib import Path
from typing import Annotated

import typer

from kgbuild.cli.options import AsJson, GraphFolder
from kgbuild.cli.terminal import print_json, print_table


def query(
    sparql: Annotated[str, typer.Argument(metavar="SPARQL", help="A SPARQL query, in quotes.")],
    *,
    folder: GraphFolder = Path("kg"),
    json: AsJson = False,
) -> None:
    """Ask the graph a SPARQL query; it can be read, not changed."""
    from kgbuild.graph import KnowledgeGraph

    with KnowledgeGraph.open(folder, create=False) as kg:
        answer = kg.query(sparql)
    if json:
        print_json(answer.to_json())
    else:
        print_table(answer.variables, answer.rows)
