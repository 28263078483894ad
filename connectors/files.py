"""A graph as a file: JSON Lines, N-Triples, Turtle, GraphML, CSV. Written as a stream, sorted."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from kgbuild.connectors.graphml import write_graphml
from kgbuild.connectors.neo4j.bulk import write_neo4j_csv
from kgbuild.connectors.rdf import write_nt, write_turtle
from kgbuild.connectors.store import Difference, ReadableGraph
from kgbuild.datatypes import Entity, Evidence, Literal, Triple
from kgbuild.errors import StoreError

Writer = Callable[[ReadableGraph, BinaryIO], None]


def export(graph: ReadableGraph, format: str, out: BinaryIO) -> None:
    """Write a whole graph; the same graph is always the same bytes.

    Raises:
        StoreError: There is no such format.
    """
    if format not in FORMATS:
        raise StoreError(f"no format '{format}'; there are {', '.join(FORMATS)}")
    with graph.snapshot():
        FORMATS[format](graph, out)


def write_jsonl(graph: ReadableGraph, out: BinaryIO) -> None:
    """One triple a line, with its evidence."""
    for triple in graph.triples():
        line = json.dumps(triple_to_json(triple), ensure_ascii=False)
        out.write(f"{line}\n".encode())


def triple_to_json(triple: Triple) -> dict[str, Any]:
    """A triple as the plain data that scripts rely on."""
    return {
        "head": _end_to_json(triple.head),
        "type": triple.type,
        "tail": _end_to_json(triple.tail),
        "score": triple.score,
        "evidence": [_evidence_to_json(evidence) for evidence in triple.evidence],
    }


FORMATS: dict[str, Writer] = {
    "jsonl": write_jsonl,
    "nt": write_nt,
    "turtle": write_turtle,
    "graphml": write_graphml,
    "neo4j-csv": write_neo4j_csv,
}
SUFFIXES = {".jsonl": "jsonl", ".nt": "nt", ".ttl": "turtle", ".graphml": "graphml"}


class FileStore:
    """A file that holds the graph in the format its suffix names."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if self.path.suffix not in SUFFIXES:
            raise StoreError(f"{path}: a store's file ends in one of {', '.join(SUFFIXES)}")
        if self.path.is_dir() or not self.path.absolute().parent.is_dir():
            raise StoreError(f"{path}: is a folder or lies in none; choose another path")

    def write(self, graph: ReadableGraph, *, repair: bool = False) -> Difference:  # noqa: ARG002  # is always whole
        """Write the file anew, in any case; until that is done, the old one stays."""
        with self._beside(graph) as part:
            difference = _difference(part, self.path)
            os.replace(part, self.path)
        return difference

    def compare(self, graph: ReadableGraph) -> Difference:
        """Lines that are in the file or would be, but not both."""
        with self._beside(graph) as part:
            return _difference(part, self.path)

    def close(self) -> None: ...

    @contextmanager
    def _beside(self, graph: ReadableGraph) -> Iterator[Path]:
        """What the file should be, as a file beside it that is gone afterwards."""
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            with part.open("wb") as out:
                export(graph, SUFFIXES[self.path.suffix], out)
            yield part
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be written: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)


def _difference(wanted: Path, held: Path) -> Difference:
    """In lines, whatever their order."""
    lines = _lines(wanted)
    if held.exists():
        lines.subtract(_lines(held))
    difference = Difference()
    difference.add(missing=list((+lines).elements()), extra=list((-lines).elements()))
    return difference


def _lines(path: Path) -> Counter[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        return Counter(line.rstrip("\n") for line in file)


def _end_to_json(end: Entity | Literal) -> dict[str, str]:
    if isinstance(end, Entity):
        return {"id": end.id, "name": end.name, "type": end.type}
    return {"value": end.value, "datatype": end.datatype}


def _evidence_to_json(evidence: Evidence) -> dict[str, Any]:
    return {
        "document": evidence.document_id,
        "start": evidence.start,
        "end": evidence.end,
        "quote": evidence.quote,
        "head": list(evidence.head),
        "tail": list(evidence.tail),
        "score": evidence.score,
        "model": evidence.model,
    }
