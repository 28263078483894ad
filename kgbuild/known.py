"""Files of known entities: what names mean before any document is read.

CSV has the columns `id`, `type` and `name`, and may have `aliases`, with "|" between them. In
Turtle, a thing of a class that is named like a type of the ontology is known by its `rdfs:label`,
`skos:prefLabel` or `schema:name`; `skos:altLabel` and `schema:alternateName` are aliases.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from kgbuild.errors import DocumentError
from kgbuild.ontology import Ontology
from kgbuild.resolution import Known

_COLUMNS = ("id", "type", "name")
_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_NAMES = ("label", "prefLabel", "name")
_ALIASES = ("altLabel", "alternateName")


def read_known(path: Path, ontology: Ontology) -> list[Known]:
    """The known entities of a file, in order of id.

    Raises:
        DocumentError: It cannot be read, or an entity lacks what it needs.
    """
    try:
        things = _from_turtle if path.suffix == ".ttl" else _from_csv
        found = sorted(things(path, ontology), key=lambda one: one.id)
    except (OSError, UnicodeDecodeError, SyntaxError, csv.Error) as error:
        raise DocumentError(f"{path}: cannot be read: {error}") from error
    for one, following in zip(found, found[1:], strict=False):
        if one.id == following.id:
            raise DocumentError(f"{path}: the id '{one.id}' stands there twice; give each its own")
    return found


def _from_csv(path: Path, ontology: Ontology) -> Iterator[Known]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        missing = [column for column in _COLUMNS if column not in (rows.fieldnames or ())]
        if missing:
            raise DocumentError(f"{path}: has no column '{missing[0]}'; it needs id, type, name")
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            id, type, name = ((row[column] or "").strip() for column in _COLUMNS)
            if not id or not name or ("/" in id and ":" not in id):
                raise DocumentError(f"{where}: needs a name, and an id: an IRI, or without '/'")
            if type not in ontology.entities or ontology.is_literal(type):
                raise DocumentError(f"{where}: '{type}' is no type of thing in the ontology")
            aliases = (alias.strip() for alias in (row.get("aliases") or "").split("|"))
            yield Known(id, type, tuple(dict.fromkeys([name, *filter(None, aliases)])))


def _from_turtle(path: Path, ontology: Ontology) -> Iterator[Known]:
    import pyoxigraph

    types = {_plain(name): name for name in ontology.entities if not ontology.is_literal(name)}
    said: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for quad in pyoxigraph.parse(path=str(path), format=pyoxigraph.RdfFormat.TURTLE):
        if isinstance(quad.subject, pyoxigraph.NamedNode):
            predicate = "type" if quad.predicate.value == _TYPE else _local(quad.predicate.value)
            said[quad.subject.value][predicate].append(getattr(quad.object, "value", ""))
    for id, values in said.items():
        of = [types[plain] for iri in values["type"] if (plain := _plain(_local(iri))) in types]
        names, aliases = (
            [text for word in words for text in sorted(values[word])]
            for words in (_NAMES, _ALIASES)
        )
        if of and names:
            yield Known(id, min(of), tuple(dict.fromkeys([*names, *aliases])))


def _local(iri: str) -> str:
    return iri.replace("#", "/").rpartition("/")[2]


def _plain(name: str) -> str:
    """`LegalPerson`, `legal_person` and `legal person` are one."""
    return "".join(filter(str.isalnum, name.casefold()))
