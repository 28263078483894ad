"""The names in each document, with what the document says around them."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from kgbuild.ledger.database import Database
from kgbuild.literals import literal
from kgbuild.ontology import Ontology

if TYPE_CHECKING:
    from kgbuild.resolution import Name

_AROUND = 200  # characters of a chunk on either side of a name
_LIKELY = 0.5  # score of a relation, at least, for it to say what is meant by a name
_DATES = {"date", "gYearMonth", "gYear"}

_CURRENT = "documents d"
_GIVEN = "json_each(:documents) j CROSS JOIN documents d ON d.id = j.value"
_NAMES = f"""
    SELECT d.key, d.id, m.type, m.text, count(*), min(m.start), (
        SELECT substr(
            c.text, max(1, m.start - c.start + 1 - {_AROUND}), 2 * {_AROUND} + length(m.text)
        )
        FROM chunks c WHERE c.document = m.document AND c.start <= m.start AND c."end" >= m."end"
        ORDER BY c.number LIMIT 1
    )
    FROM {{documents}} CROSS JOIN mentions m ON m.document = d.key
    JOIN temp.entity_types t ON t.type = m.type AND t.thing
    WHERE d.current GROUP BY d.id, m.type, m.text ORDER BY d.id, m.type, m.text
"""  # noqa: S608  # our own words and numbers
_RELATIONS = """
    SELECT r.type, h.type, h.text, t.type, t.text
    FROM relations r JOIN mentions h ON h.key = r.head JOIN mentions t ON t.key = r.tail
    WHERE r.document = ? AND r.score >= ? ORDER BY r.key
"""

_Thing = tuple[str, str]  # type and text


def names_of(
    database: Database, ontology: Ontology, documents: Collection[str] | None
) -> Iterator["Name"]:
    """The names of things in some documents or all and how often they occur, in a fixed order."""
    from kgbuild.resolution import Name

    query = _NAMES.format(documents=_CURRENT if documents is None else _GIVEN)
    given = {} if documents is None else {"documents": json.dumps([*documents])}
    for key, rows in groupby(database.rows(query, given), key=lambda row: row[0]):
        neighbours, values = _said(database, ontology, key)
        for _, id, type, text, count, _, context in rows:
            around = frozenset(neighbours.get((type, text), ()))
            of_it = frozenset(values.get((type, text), ()))
            yield Name(id, type, text, count, context or "", around, of_it)


def _said(
    database: Database, ontology: Ontology, document: int
) -> tuple[dict[_Thing, set[str]], dict[_Thing, set[tuple[str, str]]]]:
    """What a document has each thing in relations with, and the dates of which it has only one."""
    neighbours: dict[_Thing, set[str]] = defaultdict(set)
    values: dict[_Thing, set[tuple[str, str]]] = defaultdict(set)
    for relation, *ends in database.rows(_RELATIONS, (document, _LIKELY)):
        head_type, head, tail_type, tail = ends
        if relation not in ontology.relations:
            continue
        if kind := ontology.literal(tail_type):
            meaning = literal(tail, kind)
            if ontology.relations[relation].functional and meaning.datatype in _DATES:
                values[head_type, head].add((relation, meaning.value))
        else:
            neighbours[head_type, head].add(tail.casefold())
            neighbours[tail_type, tail].add(head.casefold())
    return neighbours, values
