from pathlib import Path
from typing import TYPE_CHECKING

from kgbuild.cli.options import AsJson, GraphFolder
from kgbuild.cli.terminal import print_json, print_table, stdout

if TYPE_CHECKING:
    from kgbuild.graph import GraphStats

COUNTS = ("documents", "failed", "chunks", "mentions", "relations", "entities", "triples")


def stats(*, folder: GraphFolder = Path("kg"), json: AsJson = False) -> None:
    """Count what a graph holds: documents, entities by type, triples by relation."""
    from kgbuild.graph import KnowledgeGraph

    with KnowledgeGraph.open(folder, create=False) as kg:
        counts = kg.stats()
    if json:
        print_json(counts.to_json())
    else:
        print_stats(counts)


def print_stats(stats: "GraphStats") -> None:
    """The totals, then what they are made of, most frequent first."""
    totals = [(name, f"{getattr(stats, name):,}") for name in COUNTS]
    print_table(("graph", ""), [*totals, ("text read", f"{stats.coverage:.1%}")])
    print_counts("entity type", "entities", stats.entity_types)
    print_counts("relation", "triples", stats.relation_types)
    print_counts("left out", "times", stats.dropped)


def print_counts(what: str, unit: str, counts: dict[str, int]) -> None:
    """A table of its own, below a blank line; nothing where there is nothing to count."""
    if counts:
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        stdout().print()
        print_table((what, unit), [(name, f"{count:,}") for name, count in ordered])
