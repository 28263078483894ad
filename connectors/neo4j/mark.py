"""A mark in a database that says which graph was written to it, and how much that was.

Whoever pushes the same graph again reads it, not the graph: what others have deleted or added since
shows in the counts, which the server keeps at hand. A property that somebody has changed does not.
"""

from typing import NamedTuple

from kgbuild.connectors.neo4j.layout import LOCK, OURS, Layout
from kgbuild.connectors.neo4j.server import Server

_REVISION = 1  # to be raised when the same graph comes to be written otherwise
_READ = f"MATCH (mark:{LOCK} {{kgbuildKey: 'mark'}}) RETURN mark.state, mark.nodes, mark.links"
_LEAVE = f"UNWIND $rows AS row MERGE (mark:{LOCK} {{kgbuildKey: 'mark'}}) SET mark += row"
_NODES = f"MATCH (n:{OURS}) RETURN count(n)"
_LINKS = f"MATCH (:{OURS})-[r]->() RETURN count(r)"


class Mark(NamedTuple):
    """What the mark says; `state` is empty while something is being written."""

    state: str
    nodes: int
    links: int


def mark_of(server: Server, state: str, layout: Layout) -> Mark:
    """The mark of a graph in this state, if it is what the database holds now."""
    [[nodes]], [[links]] = server.rows(_NODES), server.rows(_LINKS)
    return Mark(f"{state} {_REVISION} {layout}" if state else "", nodes, links)


def has_mark(server: Server, mark: Mark) -> bool:
    """Whether this graph was written, and as much is there as was then."""
    return mark.state != "" and server.rows(_READ) == [[*mark]]


def leave_mark(server: Server, mark: Mark) -> None:
    """After everything is written."""
    server.write((_LEAVE, [mark._asdict()]))


def remove_mark(server: Server) -> None:
    """Before anything is written: what is cut off has no mark."""
    leave_mark(server, Mark("", 0, 0))
