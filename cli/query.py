import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgbuild.cli.options import AsJson, GraphFolder
from kgbuild.cli.terminal import print_json, print_table

if TYPE_CHECKING:
    from kgbuild.connectors.sparql import Term


def query(
    sparql: Annotated[str, typer.Argument(metavar="SPARQL", help="A SPARQL query, in quotes.")],
    *,
    folder: GraphFolder = Path("kg"),
    json: AsJson = False,
) -> None:
    """Ask the graph a SPARQL query; it can be read, not changed.

    The empty prefix is the ontology's: `?who :worksFor ?firm`. The usual ones (rdfs, skos, xsd,
    prov) are known.
    """
    from kgbuild.connectors.rdf import PREFIXES
    from kgbuild.graph import KnowledgeGraph

    with KnowledgeGraph.open(folder, create=False) as kg:
        answer = kg.query(sparql)
        prefixes = {"": kg.ontology.prefix, **PREFIXES} if sys.stdout.isatty() else {}
    if json:
        print_json(answer.to_json())
    else:
        rows = ([shown(term, prefixes) for term in row] for row in answer.rows)
        print_table(answer.variables, rows)


def shown(term: "Term | None", prefixes: Mapping[str, str]) -> str:
    """A cell as text, an IRI with its prefix where there is one."""
    if term is None:
        return ""
    for name, start in prefixes.items():
        if start and term.kind == "uri" and term.value.startswith(start):
            return f"{name}:{term.value.removeprefix(start)}"
    return term.value
