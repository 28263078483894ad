from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgbuild.cli.options import AsJson, GraphFolder
from kgbuild.cli.terminal import highlighted, print_json, stdout

if TYPE_CHECKING:
    from kgbuild.datatypes import Triple


def explain(
    head: Annotated[str, typer.Argument(help="An entity's name or id.")],
    type: Annotated[str, typer.Argument(help="A relation of the ontology.")],
    tail: Annotated[str, typer.Argument(help="An entity's name or id, or a value.")],
    *,
    folder: GraphFolder = Path("kg"),
    json: AsJson = False,
) -> None:
    """Show the sentences behind one edge of the graph."""
    from kgbuild.connectors.files import triple_to_json
    from kgbuild.graph import KnowledgeGraph

    with KnowledgeGraph.open(folder, create=False) as kg:
        triple = kg.explain(head, type, tail)
    if json:
        print_json(triple_to_json(triple))
    else:
        print_triple(triple)


def print_triple(triple: "Triple") -> None:
    """The edge, then each quote with its head and tail in colour."""
    console = stdout()
    edge = f"{triple.head} — {triple.type} → {triple.tail}"
    console.print(f"{edge}  (score {triple.score:.2f})", markup=False, style="bold")
    for evidence in triple.evidence:
        place = f"{evidence.document_id}, characters {evidence.start} to {evidence.end}"
        console.print(f"\n{place}, score {evidence.score:.2f}", markup=False, style="dim")
        console.print(highlighted(evidence))
