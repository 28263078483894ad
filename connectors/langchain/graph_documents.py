"""The classes of graph documents: those of langchain-neo4j or langchain-community, else our own.

Stores of LangChain only read their attributes, so each store takes all of them.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from langchain_core.documents import Document
from langchain_core.load.serializable import Serializable
from pydantic import Field

_PACKAGES = ("langchain_neo4j", "langchain_community")


class Node(Serializable):
    """A thing: its name, type and what else is known of it."""

    id: str
    type: str = "Node"
    properties: dict[str, Any] = Field(default_factory=dict)


class Relationship(Serializable):
    """A directed link between two nodes."""

    source: Node
    target: Node
    type: str
    properties: dict[str, Any] = Field(default_factory=dict)


class GraphDocument(Serializable):
    """What a document says, and the document."""

    nodes: list[Node]
    relationships: list[Relationship]
    source: Document | None = None


class Classes(NamedTuple):
    """The three classes of one package."""

    node: type[Any]
    relationship: type[Any]
    document: type[Any]


def installed_classes() -> Classes:
    """The classes of the first package that is installed."""
    for package in _PACKAGES:
        if find_spec(package):
            module = import_module(f"{package}.graphs.graph_document")
            return Classes(module.Node, module.Relationship, module.GraphDocument)
    return Classes(Node, Relationship, GraphDocument)
