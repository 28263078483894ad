"""Graph documents out of documents, with the arguments of LangChain's LLMGraphTransformer.

    GraphExtractor(allowed_nodes=["Person", "Company"], allowed_relationships=["WORKS_FOR"])

in place of `LLMGraphTransformer(llm=llm, ...)`; everything after it stays as it is.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.documents import Document
from langchain_core.runnables import RunnableConfig, run_in_executor

from kgbuild.connectors.langchain.allowed import Pattern, ontology_of, patterns
from kgbuild.connectors.langchain.graph_documents import installed_classes
from kgbuild.connectors.langchain.reading import Reader, Reading
from kgbuild.datatypes import Entity, Literal, Triple
from kgbuild.embeddings import TextEmbedder
from kgbuild.errors import OntologyError
from kgbuild.ingestion import DocumentExtractor
from kgbuild.ontology import Ontology

_PROPERTIES = ("score", "quotes", "starts", "ends", "model")  # of a relationship

# Arguments of LLMGraphTransformer that mean nothing here, and why.
_REFUSED = {
    "llm": "no LLM reads, but `model`, which needs no prompt",
    "prompt": "the model takes none; describe the types in an `ontology`",
    "additional_instructions": "the model takes none; describe the types in an `ontology`",
    "ignore_tool_usage": "no tools are used",
}


class GraphExtractor:
    """Finds nodes and relationships in documents.

    Args:
        allowed_nodes: The types of nodes to look for. As their names and those of relationships
            are read as words, `WORKS_FOR` is better than `REL_7`.
        allowed_relationships: The types of relationships, or which may link which:
            `("Person", "WORKS_FOR", "Company")`.
        strict_mode: Nothing but what is allowed is ever found; False is refused.
        node_properties: Which values become properties of nodes. With an ontology, relations to
            values: all (True) or those named; the others lead to nodes. Without, names such as
            "birth date", which are looked for as well.
        relationship_properties: What a relationship has: all (True), none, or some of `score`,
            `quotes`, `starts`, `ends` (of the quotes, in characters of the text) and `model`.
        ontology: What to look for, in place of `allowed_nodes` and `allowed_relationships`.
        model: What reads: a name or a folder.
        device: Where it runs: `auto`, `cpu`, `cuda`, `mps`.
        extractor: Reads instead of `model`.
        embedder: Compares names instead of the model in the box.

    Raises:
        OntologyError: An argument asks for something that cannot be done.
    """

    def __init__(
        self,
        *,
        allowed_nodes: Sequence[str] = (),
        allowed_relationships: Sequence[str | Pattern] = (),
        strict_mode: bool = True,
        node_properties: bool | Sequence[str] = False,
        relationship_properties: bool | Sequence[str] = True,
        ontology: Ontology | None = None,
        model: str | Path = "bundled",
        device: str = "auto",
        extractor: DocumentExtractor | None = None,
        embedder: TextEmbedder | None = None,
        **others: object,
    ) -> None:
        _refuse(others, strict_mode)
        if ontology and (allowed_nodes or allowed_relationships):
            raise OntologyError("ontology: says what is allowed; leave out the `allowed_` lists")
        if not ontology and node_properties is True:
            raise OntologyError(
                "node_properties: name them, or give an `ontology` that has relations to values"
            )
        named = [] if isinstance(node_properties, bool) else list(node_properties)
        chosen = ontology or ontology_of(allowed_nodes, allowed_relationships, named)
        self._patterns = frozenset() if ontology else patterns(allowed_relationships)
        self._values = _values(chosen, node_properties)
        self._shown = _shown(relationship_properties)
        self._reader = Reader(chosen, model, device, extractor, embedder)
        self._classes = installed_classes()

    def convert_to_graph_documents(
        self, documents: Sequence[Document], config: RunnableConfig | None = None
    ) -> list[Any]:
        """Read documents together: a thing has one name in all of them.

        Returns:
            A GraphDocument of langchain-neo4j or langchain-community for each; without these
            packages, one that looks the same.

        Raises:
            DocumentError: One of them cannot be read.
        """
        readings = self._reader.read(documents)
        return [self._convert(one, of) for one, of in zip(readings, documents, strict=True)]

    async def aconvert_to_graph_documents(
        self, documents: Sequence[Document], config: RunnableConfig | None = None
    ) -> list[Any]:
        """The same, in a thread of its own."""
        return await run_in_executor(config, self.convert_to_graph_documents, documents)

    def process_response(self, document: Document, config: RunnableConfig | None = None) -> Any:  # noqa: ANN401  # of whichever package is there
        """Read one document."""
        return self.convert_to_graph_documents([document], config)[0]

    async def aprocess_response(
        self, document: Document, config: RunnableConfig | None = None
    ) -> Any:  # noqa: ANN401  # of whichever package is there
        """The same, in a thread of its own."""
        return await run_in_executor(config, self.process_response, document)

    def _convert(self, reading: Reading, source: Document) -> Any:  # noqa: ANN401  # a GraphDocument
        allowed = [triple for triple in reading.triples if self._allows(triple)]
        nodes = {
            entity.id: self._classes.node(
                id=_node_id(entity), type=entity.type, properties=self._properties(entity, allowed)
            )
            for entity in reading.entities
        }
        relationships = []
        for triple in allowed:
            if triple.type in self._values:
                continue
            tail = triple.tail
            if isinstance(tail, Literal):
                key = f"{tail.datatype}:{tail.value}"  # no id of an entity has a colon
                value = self._classes.node(id=tail.value, type=tail.datatype)
                target = nodes.setdefault(key, value)
            else:
                target = nodes[tail.id]
            relationships.append(
                self._classes.relationship(
                    source=nodes[triple.head.id],
                    target=target,
                    type=triple.type,
                    properties=self._evidence(triple),
                )
            )
        return self._classes.document(
            nodes=list(nodes.values()), relationships=relationships, source=source
        )

    def _allows(self, triple: Triple) -> bool:
        if not self._patterns or triple.type in self._values or isinstance(triple.tail, Literal):
            return True
        return (triple.head.type, triple.type, triple.tail.type) in self._patterns

    def _properties(self, entity: Entity, triples: Sequence[Triple]) -> dict[str, Any]:
        """Its other names, and the best of its values of each kind."""
        properties: dict[str, Any] = {"aliases": list(entity.aliases)} if entity.aliases else {}
        for triple in sorted(triples, key=lambda triple: triple.score):
            if triple.head.id == entity.id and triple.type in self._values:
                properties[triple.type] = str(triple.tail)
        return properties

    def _evidence(self, triple: Triple) -> dict[str, Any]:
        properties = {
            "score": triple.score,
            "quotes": [one.quote for one in triple.evidence],
            "starts": [one.start for one in triple.evidence],
            "ends": [one.end for one in triple.evidence],
            "model": triple.evidence[0].model,
        }
        return {name: properties[name] for name in self._shown}


def _refuse(others: dict[str, object], strict_mode: bool) -> None:
    for name in others:
        if name not in _REFUSED:
            raise TypeError(f"GraphExtractor has no argument '{name}'")
        raise OntologyError(f"{name}: {_REFUSED[name]}; leave it out")
    if not strict_mode:
        raise OntologyError("strict_mode: nothing but what is allowed is found; leave it out")


def _values(ontology: Ontology, properties: bool | Sequence[str]) -> frozenset[str]:
    """The relations to values that become properties."""
    to_values = {
        name for name in ontology.relations if all(map(ontology.is_literal, ontology.tails(name)))
    }
    if isinstance(properties, bool):
        return frozenset(to_values if properties else ())
    for name in properties:
        if name not in to_values:
            known = ", ".join(sorted(to_values)) or "none"
            raise OntologyError(f"node_properties: '{name}' is no relation to a value ({known})")
    return frozenset(properties)


def _shown(properties: bool | Sequence[str]) -> tuple[str, ...]:
    if isinstance(properties, bool):
        return _PROPERTIES if properties else ()
    for name in properties:
        if name not in _PROPERTIES:
            known = ", ".join(_PROPERTIES)
            raise OntologyError(f"relationship_properties: there is no '{name}', but {known}")
    return tuple(properties)


def _node_id(entity: Entity) -> str:
    """The name; things that share name and type are told apart as their ids are ("~2")."""
    return entity.name + "".join(entity.id.partition("~")[1:])
