"""A graph as a file: JSON Lines, N-Triples, Turtle, GraphML. Written as a stream, sorted."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from kgbuild.connectors.graphml import write_graphml
from kgbuild.connectors.rdf import write_nt, write_turtle
from kgbuild.connectors.store import ReadableGraph
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

    def write(self, graph: ReadableGraph) -> None:
        """Write the file anew; until that is done, the old one stays."""
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            with part.open("wb") as out:
                export(graph, SUFFIXES[self.path.suffix], out)
            os.replace(part, self.path)
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be written: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)

    def close(self) -> None: ...


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
