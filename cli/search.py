from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgbuild.cli.options import AsJson, GraphFolder
from kgbuild.cli.terminal import one_line, print_json, print_table, stdout

if TYPE_CHECKING:
    from kgbuild.retrieval import SearchResult


def search(
    question: Annotated[str, typer.Argument(help="A question or a few words, in quotes.")],
    *,
    folder: GraphFolder = Path("kg"),
    k: Annotated[int, typer.Option("-k", min=1, help="How many passages to find.")] = 5,
    json: AsJson = False,
) -> None:
    """Find the passages that answer a question, and the part of the graph around them."""
    from kgbuild.graph import KnowledgeGraph

    with KnowledgeGraph.open(folder, create=False) as kg:
        result = kg.search(question, k=k)
    if json:
        print_json(as_json(result))
    else:
        print_result(result)


def as_json(result: "SearchResult") -> dict[str, Any]:
    """Passages with their scores, entities, and triples as `kgbuild export` writes them."""
    from kgbuild.connectors.files import triple_to_json

    return {
        "question": result.question,
        "chunks": [
            {
                "document": chunk.document_id,
                "start": chunk.start,
                "end": chunk.end,
                "text": chunk.text,
                "score": score,
            }
            for chunk, score in result.chunks
        ],
        "entities": [{"id": e.id, "name": e.name, "type": e.type} for e in result.entities],
        "triples": [triple_to_json(triple) for triple in result.triples],
    }


def print_result(result: "SearchResult") -> None:
    """The passages, best first, then the edges around them."""
    console = stdout()
    for chunk, score in result.chunks:
        place = f"{chunk.document_id}, characters {chunk.start} to {chunk.end}"
        console.print(f"{place}, score {score:.2f}", markup=False, style="dim")
        console.print(one_line(chunk.text) + "\n", markup=False)
    if result.triples:
        print_table(
            ("head", "relation", "tail", "score"),
            [(t.head.name, t.type, str(t.tail), f"{t.score:.2f}") for t in result.triples],
        )
    if not result.chunks:
        console.print("Nothing found.")
