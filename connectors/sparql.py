"""SPARQL over the graph, by way of a projection into an Oxigraph database beside the ledger.

The projection is built when first asked for, and again when the graph has changed. It can be thrown
away at any time. Facts, entities and the ontology are in the default graph; each fact is also in
one named graph for each piece of its evidence, and the default graph tells of those (rdf.py):

    SELECT ?company ?quote {
        GRAPH ?evidence { :person/Ada_Lovelace :worksFor ?company }
        ?evidence prov:value ?quote }
"""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from kgbuild.connectors.embedded import EmbeddedGraph
from kgbuild.connectors.rdf import (
    PREFIXES,
    Statement,
    Vocabulary,
    evidence_iri,
    fact_statement,
    sayings,
    schema,
    sources,
    things,
)
from kgbuild.errors import QueryError, StoreError
from kgbuild.ledger import only_writer

if TYPE_CHECKING:
    import pyoxigraph

_MAPPING = 1  # to be raised when rdf.py or `quads` says things another way
_AT_ONCE = 200_000  # statements: larger parts load no faster, but take more memory
_PATIENCE = 3_600.0  # seconds to wait for another process that builds the projection


@dataclass(frozen=True, slots=True)
class Term:
    """One cell of an answer.

    Attributes:
        kind: As in SPARQL's JSON results: `uri`, `literal` or `bnode`.
        datatype: The IRI of a literal's datatype, unless it is a plain string.
    """

    value: str
    kind: str
    datatype: str | None = None
    language: str | None = None

    def __str__(self) -> str:
        return self.value

    def to_json(self) -> dict[str, str]:
        names = {"type": self.kind, "datatype": self.datatype, "xml:lang": self.language}
        return {"value": self.value} | {name: text for name, text in names.items() if text}


@dataclass(frozen=True, slots=True)
class Answer:
    """A table. A question of yes or no has one cell; a graph has a row for each statement.

    Attributes:
        rows: A cell is None where a variable has no value.
        truth: Yes or no; None if that was not the question.
    """

    variables: tuple[str, ...]
    rows: tuple[tuple[Term | None, ...], ...]
    truth: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """SPARQL 1.1 Query Results JSON (https://www.w3.org/TR/sparql11-results-json/)."""
        if self.truth is not None:
            return {"head": {}, "boolean": self.truth}
        bindings = [
            {name: term.to_json() for name, term in zip(self.variables, row, strict=True) if term}
            for row in self.rows
        ]
        return {"head": {"vars": list(self.variables)}, "results": {"bindings": bindings}}


class Projection:
    """The graph as an RDF database that answers SPARQL."""

    def __init__(self, graph: EmbeddedGraph) -> None:
        self._graph = graph
        self._folder = graph.ledger.database.path.parent / "sparql"
        self._temporary: TemporaryDirectory[str] | None = None
        self._opened: tuple[str, pyoxigraph.Store] | None = None

    def query(self, sparql: str) -> Answer:
        """Answer a query; the prefixes of `rdf.py` are known, the empty one is the ontology's.

        Raises:
            QueryError: It is not SPARQL, would change the graph, or asks other servers.
        """
        _refuse_other_servers(sparql)
        prefixes = {"": self._graph.ontology.prefix, **PREFIXES}
        try:
            return _answer(self._store().query(sparql, prefixes=prefixes))
        except SyntaxError as error:
            raise QueryError(_in_words(sparql, str(error))) from None
        except OSError as error:
            raise StoreError(f"{self._folder}: cannot be read; delete it: {error}") from error

    def _store(self) -> "pyoxigraph.Store":
        import pyoxigraph

        version = self._version
        if self._opened is None or self._opened[0] != version:
            self._opened = (version, pyoxigraph.Store.read_only(str(self._built(version))))
        return self._opened[1]

    @property
    def _version(self) -> str:
        return f"{self._graph.version}-{_MAPPING}"

    def _built(self, version: str) -> Path:
        """The folder of the database for this state of the graph, built if it is not there."""
        if (self._folder / version).is_dir():
            return self._folder / version
        if self._graph.ledger.database.read_only:
            self._temporary = TemporaryDirectory(prefix="kgbuild-")
            return self._build(Path(self._temporary.name))
        with only_writer(self._folder.with_name("sparql.lock"), _PATIENCE):
            return self._build(self._folder)

    def _build(self, folder: Path) -> Path:
        with self._graph.snapshot():
            target = folder / self._version
            if not target.is_dir():  # another process may have been faster
                shutil.rmtree(folder, ignore_errors=True)
                _load(quads(self._graph), folder / "part")
                os.replace(folder / "part", target)
        return target


def quads(graph: EmbeddedGraph) -> Iterator[str]:
    """N-Quads lines: facts, what is known of them, and a named graph for each piece of evidence."""
    words = Vocabulary(graph.ontology)
    yield from map(_line, schema(words))
    yield from map(_line, things(words, graph))
    for triple in graph.triples():
        fact = fact_statement(words, triple)
        yield _line(fact)
        for evidence in triple.evidence:
            yield _line(fact, evidence_iri(triple, evidence))
            yield from map(_line, sayings(triple, evidence))
    yield from map(_line, sources(graph))


def _line(statement: Statement, graph: str = "") -> str:
    return f"{' '.join(statement)} {graph} .\n"


def _load(lines: Iterator[str], folder: Path) -> None:
    import pyoxigraph

    try:
        folder.mkdir(parents=True)
        store = pyoxigraph.Store(str(folder))
        while part := "".join(islice(lines, _AT_ONCE)):
            store.bulk_load(part, pyoxigraph.RdfFormat.N_QUADS, lenient=True)
        store.optimize()
    except OSError as error:
        raise StoreError(f"{folder.parent}: cannot be written: {error}") from error


def _answer(results: Any) -> Answer:  # noqa: ANN401  # one of three classes of pyoxigraph
    import pyoxigraph

    if isinstance(results, pyoxigraph.QueryBoolean):
        truth = bool(results)
        cell = Term(str(truth).lower(), "literal", f"{PREFIXES['xsd']}boolean")
        return Answer(("answer",), ((cell,),), truth)
    if isinstance(results, pyoxigraph.QueryTriples):
        variables: tuple[str, ...] = ("subject", "predicate", "object")
    else:
        variables = tuple(variable.value for variable in results.variables)
    return Answer(variables, tuple(tuple(map(_term, row)) for row in results))


def _term(term: Any) -> Term | None:  # noqa: ANN401  # one of several classes of pyoxigraph
    import pyoxigraph

    if term is None:
        return None
    if isinstance(term, pyoxigraph.NamedNode):
        return Term(term.value, "uri")
    if isinstance(term, pyoxigraph.Literal):
        datatype = term.datatype.value
        plain = term.language or datatype == f"{PREFIXES['xsd']}string"
        return Term(term.value, "literal", None if plain else datatype, term.language)
    return Term(str(term), "bnode")


_SPACE = r"(?:\s|\#[^\n\r]*)*"
_SERVICE = re.compile(
    rf"SERVICE{_SPACE}(?:SILENT{_SPACE})?(?:<[^>]*>|[?$]\w+|[^\s{{}}<>]*:[^\s{{}}<>]*){_SPACE}\{{",
    re.IGNORECASE,
)
_CODE_POINT = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
_UPDATE = re.compile(
    r"(?:INSERT|DELETE|LOAD|CLEAR|DROP|CREATE|ADD|MOVE|COPY|WITH)\b", re.IGNORECASE
)
_PROLOGUE = re.compile(rf"{_SPACE}(?:(?:PREFIX\s+\S*:|BASE)\s*<[^>]*>{_SPACE})*", re.IGNORECASE)


def _refuse_other_servers(sparql: str) -> None:
    """Refuse SERVICE, which Oxigraph would follow over the network.

    Looks at the raw text, so that nothing can hide in it; a string that contains the whole of
    `SERVICE <…> {` is refused as well.
    """
    if _SERVICE.search(_CODE_POINT.sub(_character, sparql)):
        raise QueryError("SERVICE is not answered here: a query sees this graph and nothing else")


def _character(escape: re.Match[str]) -> str:
    code = int(escape[1] or escape[2], 16)
    return chr(code) if code <= 0x10FFFF else escape[0]


def _in_words(sparql: str, error: str) -> str:
    prologue = _PROLOGUE.match(sparql)
    if _UPDATE.match(sparql, prologue.end() if prologue else 0):
        return "a query cannot change the graph; ingest or remove documents instead"
    place = re.match(r"error at (\d+):(\d+): (.*)", error, re.DOTALL)
    if not place:
        return f"not valid SPARQL: {error}"
    line, column, problem = place.groups()
    if "Prefix not found" in problem:
        problem = "unknown prefix"
    elif len(problem) > 100:
        problem = "something else is expected here"
    return f"not valid SPARQL: line {line}, column {column}: {problem}"
