"""The names of all documents, resolved: where little has changed, from what came out before.

changed documents --names--> what they concern --resolution--> clusters, beside those that stay
"""

import json
from collections.abc import Collection, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from kgbuild.ledger.assembly import names
from kgbuild.ledger.judgements import judgements
from kgbuild.ledger.known import known
from kgbuild.ledger.ledger import Ledger
from kgbuild.ontology import Ontology

if TYPE_CHECKING:
    from kgbuild.resolution import Changes, Cluster, Decision, Embed, Name, Resolution

_MOST = 0.5  # share of the documents that may have changed for the others to be left alone


def resolve_names(
    ledger: Ledger, ontology: Ontology, embed: "Embed", resolver: str
) -> "Resolution":
    """What the names of all documents mean, as of now.

    `resolver` names the rules and the vectors: by another one, all names are resolved anew.
    """
    from kgbuild.resolution import renew, resolve

    judged, things = judgements(ledger), known(ledger)
    before = ledger.get("resolver"), ledger.get("ontology")
    if before == (resolver, ontology.to_yaml()) and (changes := _changes(ledger, ontology)):
        found = renew(changes, ontology, embed=embed, judgements=judged, known=things)
        if found:
            return found
    every = names(ledger.database, ontology)
    return resolve(every, ontology, embed=embed, judgements=judged, known=things)


def _changes(ledger: Ledger, ontology: Ontology) -> "Changes | None":
    """What has happened since the graph was assembled; None if it is most of what there is."""
    from kgbuild.resolution import Changes

    rows = ledger.database.rows
    last = int(ledger.get("assembled") or 0)
    new = [id for (id,) in rows("SELECT id FROM documents WHERE current AND key > ?", (last,))]
    gone = [id for (id,) in rows("SELECT id FROM documents WHERE NOT current")]
    every = ledger.database.value("SELECT count(*) FROM documents")
    if len(new) + len(gone) > _MOST * every:
        return None

    def read(documents: Collection[str]) -> Iterator["Name"]:
        return names(ledger.database, ontology, documents)

    judged = [(d, t, n) for d, t, n in rows("SELECT document, type, name FROM reconsidered")]
    return Changes(
        [*_clusters(ledger)], [*_decisions(ledger)], [*read(new)], {*new, *gone}, judged, read
    )


def _clusters(ledger: Ledger) -> Iterator["Cluster"]:
    """Those that the graph was assembled from."""
    from kgbuild.resolution import Cluster, Name

    known_ids = {id for (id,) in ledger.database.rows("SELECT DISTINCT id FROM known")}
    rows = ledger.database.rows(
        "SELECT e.id, e.name, e.type, e.aliases, e.judged, d.id, c.type, c.name, c.mentions,"
        " c.known_as"
        " FROM entities e JOIN clusters c ON c.entity = e.key"
        " JOIN documents d ON d.key = c.document"
        " ORDER BY e.key, d.id, c.type, c.name"
    )
    for (id, name, type, aliases, judged), of_entity in groupby(rows, key=lambda row: row[:5]):
        named = [(Name(*row[5:9]), row[9]) for row in of_entity]
        yield Cluster(
            tuple(one for one, _ in named),
            name,
            type,
            tuple(json.loads(aliases)),
            tuple(known_as for _, known_as in named),
            id if id in known_ids else "",
            tuple(json.loads(judged)) if judged else None,
        )


def _decisions(ledger: Ledger) -> Iterator["Decision"]:
    """The machine's, with names of which nothing but the keys is known."""
    from kgbuild.resolution import Decision, Name

    for kind, *keys, score, reason, local in ledger.database.rows("SELECT * FROM decisions"):
        right = Name(*keys[3:]) if keys[3] is not None else None
        yield Decision(kind, Name(*keys[:3]), right, score, reason, bool(local))
