"""From what documents say to a graph: entities, triples, evidence.

    mentions --resolution--> entities        relations --ends--> claims --same ends--> triples

The whole graph is computed anew, in SQL, in one transaction: readers see the graph as it was until
all of the new one is there. Every order is an order of content (ids, names, offsets), never of
arrival, so that the same documents give the same graph.
"""

import json
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING
from urllib.parse import quote

from kgbuild.ledger.database import Database
from kgbuild.ledger.naming import names_of
from kgbuild.literals import literal
from kgbuild.ontology import Ontology

if TYPE_CHECKING:
    from kgbuild.resolution import Cluster, Name, Resolution

SCORE_DIGITS = 6
_NOTHING = (None, None, None)


def names(
    database: Database, ontology: Ontology, documents: Collection[str] | None = None
) -> Iterator["Name"]:
    """The names of things in each document, or in these, and how often they occur; in an order."""
    _prepare_types(database, ontology)
    return names_of(database, ontology, documents)


def assemble(
    database: Database, ontology: Ontology, resolution: "Resolution", resolver: str = ""
) -> None:
    """Replace the graph by the one that these clusters of names, made by a resolver, give."""
    database.add_aggregate("corroborated", 1, _Corroborated)
    with database.transaction():
        _clear(database)
        _prepare_types(database, ontology)
        _insert_entities(database, resolution.clusters)
        _insert_decisions(database, resolution)
        _prepare_values(database, ontology)
        _collect_claims(database)
        _insert_triples(database)
        _insert_evidence(database)
        _set(database, "dropped", json.dumps(_dropped(database), sort_keys=True))
        _set(database, "ontology", ontology.to_yaml())
        _set(database, "resolver", resolver)
        _set(database, "version", secrets.token_hex(8))
        _forget_the_past(database)
        _drop_temporary(database)
        _set(database, "assembled", str(database.value("SELECT max(key) FROM documents") or 0))
        database.execute("DELETE FROM reconsidered")
        database.execute("DELETE FROM meta WHERE key = 'dirty'")
    database.shrink_log()


def entity_ids(clusters: Iterable["Cluster"]) -> list[tuple[str, "Cluster"]]:
    """An id for each cluster, sorted: the known one, or one made of its type and name.

    Things that share both are told apart by "~2", "~3"... in order of their documents.
    """
    namesakes: dict[str, list[Cluster]] = defaultdict(list)
    known: list[tuple[str, Cluster]] = []
    for cluster in clusters:
        if cluster.known:
            known.append((cluster.known, cluster))
            continue
        namesakes[f"{_in_id(cluster.type)}/{_in_id(cluster.name)}"].append(cluster)
    named = [
        (stem if number == 1 else f"{stem}~{number}", cluster)
        for stem, same in namesakes.items()
        for number, cluster in enumerate(sorted(same, key=_content), 1)
    ]
    return sorted(known + named, key=lambda pair: pair[0])


def _in_id(text: str) -> str:
    """Readable, and one-to-one: a space becomes "_"; what that and "~" mean is never in a name."""
    quoted = quote(text, safe=" ").replace("_", "%5F").replace("~", "%7E")
    return quoted.replace(" ", "_")


def _content(cluster: "Cluster") -> list[tuple[str, str, str]]:
    return sorted((name.document_id, name.type, name.text) for name in cluster.names)


def _clear(database: Database) -> None:
    for table in ("entities", "entity_names", "clusters", "decisions", "triples", "evidence"):
        database.execute(f"DELETE FROM {table}")  # noqa: S608  # our own names


def _prepare_types(database: Database, ontology: Ontology) -> None:
    """Temporary tables of the ontology's types; mentions and relations of others are left out."""
    _create(database, "entity_types", "(type TEXT PRIMARY KEY, thing INTEGER) WITHOUT ROWID")
    entities = [(type, not ontology.is_literal(type)) for type in ontology.entities]
    database.insert_many("INSERT INTO entity_types VALUES (?, ?)", entities)
    _create(database, "relation_types", "(type TEXT PRIMARY KEY, symmetric INTEGER) WITHOUT ROWID")
    relations = [(relation.name, relation.symmetric) for relation in ontology.relations.values()]
    database.insert_many("INSERT INTO relation_types VALUES (?, ?)", relations)


def _insert_entities(database: Database, clusters: Sequence["Cluster"]) -> None:
    identified = list(enumerate(entity_ids(clusters), 1))
    database.insert_many(
        "INSERT INTO entities VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (
                *(key, id, cluster.name, cluster.type, _aliases(cluster), _mention_count(cluster)),
                json.dumps(cluster.judged) if cluster.judged else "",
            )
            for key, (id, cluster) in identified
        ),
    )
    database.insert_many(
        "INSERT OR IGNORE INTO entity_names VALUES (?, ?)",
        (
            (name.casefold(), key)
            for key, (_, cluster) in identified
            for name in (cluster.name, *cluster.aliases)
        ),
    )
    database.insert_many(
        "INSERT INTO clusters SELECT key, ?, ?, ?, ?, ? FROM documents WHERE id = ? AND current",
        (
            (name.type, name.text, key, name.count, known_as, name.document_id)
            for key, (_, cluster) in identified
            for name, known_as in zip(cluster.names, cluster.known_as, strict=True)
        ),
    )


def _aliases(cluster: "Cluster") -> str:
    return json.dumps(sorted({*cluster.aliases} - {cluster.name}), ensure_ascii=False)


def _mention_count(cluster: "Cluster") -> int:
    return sum(name.count for name in cluster.names)


def _insert_decisions(database: Database, resolution: "Resolution") -> None:
    database.insert_many(
        "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                *(d.kind, *d.left.key, *(d.right.key if d.right else _NOTHING)),
                *(d.score, d.reason, d.local),
            )
            for d in resolution.decisions
        ),
    )


def _prepare_values(database: Database, ontology: Ontology) -> None:
    """A temporary table of what each distinct literal mention means."""
    columns = "type TEXT, text TEXT, value TEXT, datatype TEXT"
    _create(database, "literals", f"({columns}, PRIMARY KEY (type, text)) WITHOUT ROWID")
    for type in ontology.entities:
        kind = ontology.literal(type)
        if kind is None:
            continue
        texts = database.rows(
            "SELECT DISTINCT m.text FROM mentions m JOIN documents d ON d.key = m.document"
            " WHERE d.current AND m.type = ?",
            (type,),
        )
        meanings = ((text, literal(text, kind)) for (text,) in texts)
        database.insert_many(
            "INSERT INTO literals VALUES (?, ?, ?, ?)",
            ((type, text, meaning.value, meaning.datatype) for text, meaning in meanings),
        )


def _collect_claims(database: Database) -> None:
    """A temporary table of all relations, in terms of entities and values instead of mentions.

    `reason` says why a relation makes no edge; NULL: it does. A symmetric relation is turned so
    that its head is the entity whose id comes first.
    """
    _create(
        database,
        "claims",
        """
        AS WITH ends AS MATERIALIZED (
            SELECT r.key AS relation, r.document, r.type, r.score,
                r.head AS head_mention, r.tail AS tail_mention,
                hc.entity AS head, tc.entity AS tail, v.value, v.datatype,
                rt.symmetric AND tc.entity < hc.entity AS turned,
                CASE
                    WHEN rt.type IS NULL THEN 'relations of a type not in the ontology'
                    WHEN hc.entity IS NULL OR coalesce(tc.entity, v.value) IS NULL
                        THEN 'relations with an end that names nothing'
                    WHEN hc.entity = tc.entity THEN 'relations of a thing with itself'
                END AS reason
            FROM documents d
            JOIN relations r ON r.document = d.key
            JOIN mentions h ON h.key = r.head
            JOIN mentions t ON t.key = r.tail
            LEFT JOIN temp.relation_types rt ON rt.type = r.type
            LEFT JOIN clusters hc ON (hc.document, hc.type, hc.name) = (d.key, h.type, h.text)
            LEFT JOIN clusters tc ON (tc.document, tc.type, tc.name) = (d.key, t.type, t.text)
            LEFT JOIN temp.literals v ON (v.type, v.text) = (t.type, t.text)
            WHERE d.current
        )
        SELECT relation, document, type, score, value, datatype, reason,
            iif(turned, tail, head) AS head, iif(turned, head, tail) AS tail,
            iif(turned, tail_mention, head_mention) AS head_mention,
            iif(turned, head_mention, tail_mention) AS tail_mention
        FROM ends
        """,
    )


def _insert_triples(database: Database) -> None:
    """One triple for all claims that say the same, numbered in order of content."""
    _create(
        database,
        "agreed",
        """
        AS SELECT relation, document, score, head, type, tail, value, datatype,
            head_mention, tail_mention,
            dense_rank() OVER (ORDER BY head, type, tail, value, datatype) AS triple
        FROM temp.claims WHERE reason IS NULL
        """,
    )
    database.execute(
        """
        INSERT INTO triples
        SELECT triple, head, type, tail, value, datatype, corroborated(best)
        FROM (
            SELECT triple, head, type, tail, value, datatype, max(score) AS best
            FROM temp.agreed GROUP BY triple, document
        )
        GROUP BY triple
        """
    )


def _insert_evidence(database: Database) -> None:
    """What supports each triple. The same pair of mentions counts once, at its best score."""
    database.execute(
        """
        INSERT INTO evidence (triple, relation, head, tail)
        SELECT triple, relation, head_mention, tail_mention
        FROM (
            SELECT triple, relation, document, head_mention, tail_mention, max(score)
            FROM temp.agreed GROUP BY triple, head_mention, tail_mention
        ) e
        JOIN documents d ON d.key = e.document
        JOIN mentions h ON h.key = e.head_mention
        JOIN mentions t ON t.key = e.tail_mention
        ORDER BY triple, d.id, h.start, h."end", t.start, t."end"
        """
    )


def _dropped(database: Database) -> dict[str, int]:
    """How many mentions and relations are not in the graph, by reason."""
    return dict(
        database.rows(
            """
            SELECT reason, count(*) FROM temp.claims WHERE reason IS NOT NULL GROUP BY reason
            UNION ALL
            SELECT reason, count(*) FROM (
                SELECT CASE
                    WHEN t.type IS NULL THEN 'mentions of a type not in the ontology'
                    WHEN t.thing AND c.entity IS NULL THEN 'mentions that name nothing'
                END AS reason
                FROM documents d
                JOIN mentions m ON m.document = d.key
                LEFT JOIN temp.entity_types t ON t.type = m.type
                LEFT JOIN clusters c
                    ON (c.document, c.type, c.name) = (d.key, m.type, m.text)
                WHERE d.current
            )
            WHERE reason IS NOT NULL GROUP BY reason
            """
        )
    )


def _forget_the_past(database: Database) -> None:
    """Delete what was replaced or removed since the last assembly."""
    database.execute(
        "INSERT INTO chunk_words (chunk_words, rowid, text) SELECT 'delete', c.key, c.text"
        " FROM chunks c JOIN documents d ON d.key = c.document WHERE NOT d.current"
    )
    for table in ("chunks", "mentions", "relations"):
        database.execute(
            f"DELETE FROM {table} WHERE document IN"  # noqa: S608  # our own names
            " (SELECT key FROM documents WHERE NOT current)"
        )
    database.execute("DELETE FROM documents WHERE NOT current")


def _create(database: Database, name: str, definition: str) -> None:
    """A new temporary table, which only this connection sees."""
    database.execute(f"DROP TABLE IF EXISTS temp.{name}")
    database.execute(f"CREATE TEMP TABLE {name} {definition}")


def _drop_temporary(database: Database) -> None:
    for name in ("entity_types", "relation_types", "literals", "claims", "agreed"):
        database.execute(f"DROP TABLE IF EXISTS temp.{name}")


def _set(database: Database, key: str, value: str) -> None:
    database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


class _Corroborated:
    """1 - ∏ (1 - score), independent of the order in which the scores come."""

    def __init__(self) -> None:
        self._scores: list[float] = []

    def step(self, score: float) -> None:
        self._scores.append(score)

    def finalize(self) -> float:
        return round(1 - prod(1 - score for score in sorted(self._scores)), SCORE_DIGITS)
