"""A graph as GraphML, the XML that Gephi, yEd, Cytoscape and networkx read.

A value at the end of an edge becomes a node of its own, since GraphML has only edges between nodes.
XML 1.0 has no room for control characters: each becomes U+FFFD, the replacement character.
"""

import re
from collections.abc import Mapping
from typing import BinaryIO
from xml.sax.saxutils import escape, quoteattr

from kgbuild.connectors.store import ReadableGraph
from kgbuild.datatypes import Entity, Literal, Triple

Value = str | int | float

_NODE_KEYS = {"label": "string", "type": "string", "aliases": "string", "mentions": "int"}
_EDGE_KEYS = {
    "label": "string",
    "weight": "double",
    "documents": "int",
    "document": "string",
    "quote": "string",
}
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_graphml(graph: ReadableGraph, out: BinaryIO) -> None:
    """Write nodes, then edges; an edge has its score as weight, and its best quote."""
    _write(out, "<?xml version='1.0' encoding='UTF-8'?>")
    _write(out, '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">')
    for kind, keys in (("node", _NODE_KEYS), ("edge", _EDGE_KEYS)):
        for name, type in keys.items():
            attributes = f'id="{kind}_{name}" for="{kind}" attr.name="{name}" attr.type="{type}"'
            _write(out, f"<key {attributes}/>")
    _write(out, '<graph edgedefault="directed">')
    for entity in graph.entities():
        _write(out, _node(entity.id, _entity_data(entity)))
    for value in graph.values():
        _write(out, _node(_value_id(value), {"label": value.value, "type": value.datatype}))
    for number, triple in enumerate(graph.triples()):
        _write(out, _edge(number, triple))
    _write(out, "</graph>\n</graphml>")


def _entity_data(entity: Entity) -> dict[str, Value]:
    aliases = "; ".join(entity.aliases)
    data: dict[str, Value] = {"label": entity.name, "type": entity.type}
    return data | ({"aliases": aliases} if aliases else {}) | {"mentions": entity.mention_count}


def _node(id: str, data: Mapping[str, Value]) -> str:
    return f"<node id={_attribute(id)}>{_data('node', data)}</node>"


def _edge(number: int, triple: Triple) -> str:
    tail = triple.tail
    ends = (triple.head.id, tail.id if isinstance(tail, Entity) else _value_id(tail))
    best = max(triple.evidence, key=lambda evidence: evidence.score)
    data: dict[str, Value] = {
        "label": triple.type,
        "weight": triple.score,
        "documents": len({evidence.document_id for evidence in triple.evidence}),
        "document": best.document_id,
        "quote": best.quote,
    }
    source, target = map(_attribute, ends)
    return f'<edge id="{number}" source={source} target={target}>{_data("edge", data)}</edge>'


def _value_id(value: Literal) -> str:
    """Never an entity's id: that has a "/" before any ":"."""
    return f"{value.datatype}:{value.value}"


def _data(kind: str, data: Mapping[str, Value]) -> str:
    return "".join(
        f'<data key="{kind}_{name}">{escape(_writable(str(value)))}</data>'
        for name, value in data.items()
    )


def _attribute(text: str) -> str:
    return quoteattr(_writable(text))


def _writable(text: str) -> str:
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _write(out: BinaryIO, line: str) -> None:
    out.write(f"{line}\n".encode())
