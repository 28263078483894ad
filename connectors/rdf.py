"""A graph as RDF: entities, facts, the ontology, and the evidence of each fact (PROV).

Statements are N-Triples terms, ready to be written. No blank nodes: every IRI is made of content,
so that the same graph is the same lines.

    :person/Ada_Lovelace  a :Person ; rdfs:label "Ada Lovelace" ; :wroteAbout :machine/Engine .
    <urn:kgbuild:evidence:…>  a rdf:Statement ; rdf:subject … ; rdf:predicate … ; rdf:object … ;
        prov:wasDerivedFrom <urn:kgbuild:document:notes.txt> ; prov:value "the sentence" ; …
"""

import hashlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import groupby
from typing import BinaryIO
from urllib.parse import quote

from kgbuild.connectors.store import ReadableGraph
from kgbuild.datatypes import Entity, Evidence, Triple
from kgbuild.ontology import EntityType, Ontology, RelationType

Statement = tuple[str, str, str]

PREFIXES = {
    "nif": "http://persistence.uni-leipzig.org/nlp2rdf/ontologies/nif-core#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "prov": "http://www.w3.org/ns/prov#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "its": "http://www.w3.org/2005/11/its/rdf#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_AXIOMS = {
    "symmetric": "owl:SymmetricProperty",
    "asymmetric": "owl:AsymmetricProperty",
    "functional": "owl:FunctionalProperty",
    "inverse_functional": "owl:InverseFunctionalProperty",
    "transitive": "owl:TransitiveProperty",
}


@dataclass(frozen=True)
class Vocabulary:
    """The IRIs of an ontology's types and of the entities under its prefix. One-to-one."""

    ontology: Ontology

    def entity(self, entity: Entity) -> str:
        """A known thing keeps the IRI that it came with; no other id has a colon."""
        return iri(entity.id if ":" in entity.id else self.ontology.prefix + entity.id)

    def type(self, name: str) -> str:
        return self._iris["entity", name]

    def relation(self, name: str) -> str:
        return self._iris["relation", name]

    @cached_property
    def _iris(self) -> dict[tuple[str, str], str]:
        """`works for` becomes worksFor, `legal person` LegalPerson; a clash gets a "_" behind."""
        wanted = [("entity", name, _joined(name, True)) for name in self.ontology.entities]
        wanted += [("relation", name, _joined(name, False)) for name in self.ontology.relations]
        taken: dict[str, tuple[str, str]] = {}
        for kind, name, local in wanted:
            while local in taken:
                local += "_"
            taken[local] = (kind, name)
        return {key: iri(self.ontology.prefix + local) for local, key in taken.items()}


def statements(graph: ReadableGraph) -> Iterator[Statement]:
    """All of a graph, evidence as reified statements."""
    words = Vocabulary(graph.ontology)
    yield from schema(words)
    yield from things(words, graph)
    for triple in graph.triples():
        fact = fact_statement(words, triple)
        yield fact
        for evidence in triple.evidence:
            yield from _reified(evidence_iri(triple, evidence), fact)
            yield from sayings(triple, evidence)
    yield from sources(graph)


def schema(words: Vocabulary) -> Iterator[Statement]:
    """The types as classes, the relations as properties with their axioms."""
    for entity in words.ontology.entities.values():
        if not words.ontology.is_literal(entity.name):
            yield from _class_statements(words, entity)
    for relation in words.ontology.relations.values():
        yield from _property_statements(words, relation)


def things(words: Vocabulary, graph: ReadableGraph) -> Iterator[Statement]:
    """The type and the names of every entity."""
    for entity in graph.entities():
        subject = words.entity(entity)
        yield subject, _term("rdf:type"), words.type(entity.type)
        yield subject, _term("rdfs:label"), literal(entity.name)
        for alias in entity.aliases:
            yield subject, _term("skos:altLabel"), literal(alias)


def fact_statement(words: Vocabulary, triple: Triple) -> Statement:
    """The triple itself."""
    tail = triple.tail
    return (
        words.entity(triple.head),
        words.relation(triple.type),
        words.entity(tail) if isinstance(tail, Entity) else literal(tail.value, tail.datatype),
    )


def evidence_iri(triple: Triple, evidence: Evidence) -> str:
    """The name of one piece of evidence, made of what it says and where."""
    tail = triple.tail
    said = tail.id if isinstance(tail, Entity) else f"{tail.value}^^{tail.datatype}"
    place = (evidence.document_id, evidence.head, evidence.tail)
    content = repr((triple.head.id, triple.type, said, place))
    return iri(f"urn:kgbuild:evidence:{hashlib.sha256(content.encode()).hexdigest()[:32]}")


def sayings(triple: Triple, evidence: Evidence) -> Iterator[Statement]:
    """Where a fact is said, in which words, and how sure which model was."""
    subject = evidence_iri(triple, evidence)
    yield subject, _term("prov:wasDerivedFrom"), _document(evidence.document_id)
    yield subject, _term("prov:value"), literal(evidence.quote)
    yield subject, _term("nif:beginIndex"), literal(str(evidence.start), "nonNegativeInteger")
    yield subject, _term("nif:endIndex"), literal(str(evidence.end), "nonNegativeInteger")
    yield subject, _term("its:taConfidence"), literal(_number(evidence.score), "double")
    yield subject, _term("prov:wasAttributedTo"), _model(evidence.model)


def sources(graph: ReadableGraph) -> Iterator[Statement]:
    """The documents, and the models that read them."""
    for document in graph.documents():
        yield _document(document), _term("rdf:type"), _term("prov:Entity")
        yield _document(document), _term("rdfs:label"), literal(document)
    for model in graph.models():
        yield _model(model), _term("rdf:type"), _term("prov:SoftwareAgent")
        yield _model(model), _term("rdfs:label"), literal(model)


def write_nt(graph: ReadableGraph, out: BinaryIO) -> None:
    """N-Triples, sorted by line."""
    for line in _sorted_lines(statements(graph)):
        out.write(f"{line}\n".encode())


def write_turtle(graph: ReadableGraph, out: BinaryIO) -> None:
    """Turtle, sorted by subject."""
    prefixes = {"": graph.ontology.prefix, **PREFIXES}
    for name, start in prefixes.items():
        out.write(f"@prefix {name}: {iri(start)} .\n".encode())
    short = _Shortener(prefixes)
    split = (line.removesuffix(" .").split(" ", 2) for line in _sorted_lines(statements(graph)))
    for subject, about in groupby(split, key=lambda terms: terms[0]):
        parts = (
            f"{short(verb)} {', '.join(short(object) for *_, object in objects)}"
            for verb, objects in groupby(about, key=lambda terms: terms[1])
        )
        out.write(f"\n{short(subject)} {_NEXT_VERB.join(parts)} .\n".encode())


def iri(text: str) -> str:
    """An IRI term; characters that none may hold are percent-encoded."""
    return f"<{_NOT_IN_IRI.sub(lambda match: quote(match[0]), text)}>"


def literal(value: str, datatype: str = "string") -> str:
    """A literal term of an XSD datatype."""
    text = f'"{_ESCAPED.sub(_escape, value)}"'
    return text if datatype == "string" else f"{text}^^<{PREFIXES['xsd']}{datatype}>"


def _class_statements(words: Vocabulary, entity: EntityType) -> Iterator[Statement]:
    subject = words.type(entity.name)
    yield subject, _term("rdf:type"), _term("owl:Class")
    yield from _described(subject, entity)
    for alias in entity.aliases:
        yield subject, _term("skos:altLabel"), literal(alias)
    if entity.is_a:
        yield subject, _term("rdfs:subClassOf"), words.type(entity.is_a)


def _property_statements(words: Vocabulary, relation: RelationType) -> Iterator[Statement]:
    subject = words.relation(relation.name)
    kinds = {words.ontology.literal(type) for type in relation.tail}
    to_values = bool(kinds) and None not in kinds
    property = "owl:DatatypeProperty" if to_values else "owl:ObjectProperty"
    yield subject, _term("rdf:type"), _term(property)
    yield from _described(subject, relation)
    for attribute, axiom in _AXIOMS.items():
        if getattr(relation, attribute):
            yield subject, _term("rdf:type"), _term(axiom)
    if relation.is_a:
        yield subject, _term("rdfs:subPropertyOf"), words.relation(relation.is_a)
    if relation.inverse:
        yield subject, _term("owl:inverseOf"), words.relation(relation.inverse)
    if len(relation.head) == 1:  # several would mean all of them at once
        yield subject, _term("rdfs:domain"), words.type(relation.head[0])
    if len(relation.tail) == 1 and not to_values:  # values have several datatypes
        yield subject, _term("rdfs:range"), words.type(relation.tail[0])


def _described(subject: str, type: EntityType | RelationType) -> Iterator[Statement]:
    yield subject, _term("rdfs:label"), literal(type.name)
    if type.description:
        yield subject, _term("rdfs:comment"), literal(type.description)


def _reified(name: str, fact: Statement) -> Iterator[Statement]:
    yield name, _term("rdf:type"), _term("rdf:Statement")
    for role, term in zip(("subject", "predicate", "object"), fact, strict=True):
        yield name, _term(f"rdf:{role}"), term


def _joined(name: str, capital: bool) -> str:
    """Words run together, each but the first with a capital; what IRIs cannot hold is quoted."""
    first, *others = name.split() or [""]
    words = [first[:1].upper() + first[1:] if capital else first]
    words += [word[:1].upper() + word[1:] for word in others]
    return quote("".join(words), safe="")


def _document(id: str) -> str:
    return iri(f"urn:kgbuild:document:{quote(id)}")


def _model(name: str) -> str:
    return iri(f"urn:kgbuild:model:{quote(name)}")


@cache
def _term(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"<{PREFIXES[prefix]}{local}>"


def _number(score: float) -> str:
    return f"{score:.6f}".rstrip("0").removesuffix(".")


def _sorted_lines(statements: Iterator[Statement]) -> Iterator[str]:
    """Distinct N-Triples lines in order, sorted on disk where they are too many for memory."""
    disk = sqlite3.connect("")  # a temporary file of SQLite's own
    try:
        disk.execute("CREATE TABLE lines (line TEXT NOT NULL)")
        disk.executemany(
            "INSERT INTO lines VALUES (?)",
            ((f"{subject} {verb} {object} .",) for subject, verb, object in statements),
        )
        for (line,) in disk.execute("SELECT DISTINCT line FROM lines ORDER BY line"):
            yield line
    finally:
        disk.close()


class _Shortener:
    """Writes a term with a prefix where Turtle allows it."""

    def __init__(self, prefixes: dict[str, str]) -> None:
        longest_first = sorted(prefixes.items(), key=lambda item: -len(item[1]))
        self._prefixes: Sequence[tuple[str, str]] = longest_first

    def __call__(self, term: str) -> str:
        if term.startswith('"'):
            value, mark, datatype = term.rpartition("^^<")
            return f"{value}^^{self(f'<{datatype}')}" if mark and datatype.endswith(">") else term
        for name, start in self._prefixes:
            if term[1:].startswith(start) and _LOCAL.fullmatch(term[len(start) + 1 : -1]):
                return f"{name}:{term[len(start) + 1 : -1]}"
        return term


_NEXT_VERB = " ;\n    "
_LOCAL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_IN_IRI = re.compile(r'[\x00-\x20<>"{}|^`\\]')
_ESCAPED = re.compile(r'[\x00-\x1f"\\\x7f]')
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    return _SHORT_ESCAPES.get(char, f"\\u{ord(char):04X}")
