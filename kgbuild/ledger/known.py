"""Things that were known before any document was read."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from kgbuild.ledger.ledger import Ledger

if TYPE_CHECKING:
    from kgbuild.resolution import Known


def known(ledger: Ledger) -> list["Known"]:
    """All of them, in order of id."""
    from kgbuild.resolution import Known

    rows = ledger.database.rows("SELECT id, type, name FROM known ORDER BY id, number")
    return [
        Known(id, type, tuple(name for *_, name in named))
        for (id, type), named in groupby(rows, key=lambda row: row[:2])
    ]


def set_known(ledger: Ledger, things: Sequence["Known"]) -> None:
    """Know these, and forget all others."""
    if sorted(things, key=lambda one: one.id) == known(ledger):
        return
    with ledger.database.transaction():
        ledger.database.execute("DELETE FROM known")
        ledger.database.insert_many(
            "INSERT INTO known VALUES (?, ?, ?, ?)",
            (
                (one.id, number, one.type, name)
                for one in things
                for number, name in enumerate(one.names)
            ),
        )
        ledger.set("dirty", "1")
        ledger.set("resolver", "")  # all names are to be resolved anew
