"""Knowledge graphs from your documents and your ontology, with evidence on every edge.

    from kgbuild import KnowledgeGraph, Ontology

    with KnowledgeGraph.open("kg", ontology=Ontology.load("ontology.yaml")) as kg:
        report = kg.ingest(["documents"])

What needs torch or a database driver is loaded when first used, not by `import kgbuild`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kgbuild.datatypes import (
    Chunk,
    Document,
    Entity,
    Evidence,
    Extraction,
    Graph,
    Literal,
    Mention,
    Relation,
    Triple,
)
from kgbuild.errors import (
    DocumentError,
    KgbuildError,
    ModelError,
    OntologyError,
    QueryError,
    StoreError,
)

if TYPE_CHECKING:
    from kgbuild.extraction import Extractor
    from kgbuild.graph import IngestReport, KnowledgeGraph
    from kgbuild.ontology import EntityType, Ontology, RelationType

    __version__: str

__all__ = [
    "Chunk",
    "Document",
    "DocumentError",
    "Entity",
    "EntityType",
    "Evidence",
    "Extraction",
    "Extractor",
    "Graph",
    "IngestReport",
    "KgbuildError",
    "KnowledgeGraph",
    "Literal",
    "Mention",
    "ModelError",
    "Ontology",
    "OntologyError",
    "QueryError",
    "Relation",
    "RelationType",
    "StoreError",
    "Triple",
]

_LAZY = {
    "EntityType": "kgbuild.ontology",
    "Extractor": "kgbuild.extraction",
    "IngestReport": "kgbuild.graph",
    "KnowledgeGraph": "kgbuild.graph",
    "Ontology": "kgbuild.ontology",
    "RelationType": "kgbuild.ontology",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # a module attribute can be anything
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("kgbuild")
    raise AttributeError(f"module 'kgbuild' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
