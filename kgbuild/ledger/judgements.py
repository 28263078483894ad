"""What people have decided on entities, kept by the names that these had then."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kgbuild.ledger.ledger import Ledger

if TYPE_CHECKING:
    from kgbuild.resolution import Judgement, Key


def judgements(ledger: Ledger) -> list["Judgement"]:
    """All that hold, in the order in which they were given."""
    from kgbuild.resolution import Judgement

    sides: dict[int, tuple[set[Key], set[Key]]] = {}
    for number, right, *key in ledger.database.rows("SELECT * FROM judged_names"):
        document, type, name = key
        sides.setdefault(number, (set(), set()))[right].add((document, type, name))
    given = ledger.database.rows("SELECT number, same FROM judgements ORDER BY number")
    return [Judgement(number, bool(same), *map(frozenset, sides[number])) for number, same in given]


def add_judgements(
    ledger: Ledger, given: Iterable[tuple[bool, Iterable["Key"], Iterable["Key"]]]
) -> list[int]:
    """Keep whether two things, each by its names, are the same; the numbers given to these."""
    numbers = []
    with ledger.database.transaction():
        for same, *sides in given:
            number = ledger.database.insert("INSERT INTO judgements (same) VALUES (?)", (same,))
            ledger.database.insert_many(
                "INSERT INTO judged_names VALUES (?, ?, ?, ?, ?)",
                ((number, right, *key) for right, keys in enumerate(sides) for key in keys),
            )
            _reconsider(ledger, number)
            numbers.append(number)
        ledger.set("dirty", "1")
    return numbers


def remove_judgement(ledger: Ledger, number: int) -> None:
    """Forget that it was ever given."""
    with ledger.database.transaction():
        _reconsider(ledger, number)
        ledger.database.execute("DELETE FROM judged_names WHERE judgement = ?", (number,))
        ledger.database.execute("DELETE FROM judgements WHERE number = ?", (number,))
        ledger.set("dirty", "1")


def _reconsider(ledger: Ledger, number: int) -> None:
    """Note for the next resolution that what these names mean may have changed."""
    ledger.database.execute(
        "INSERT OR IGNORE INTO reconsidered"
        " SELECT document, type, name FROM judged_names WHERE judgement = ?",
        (number,),
    )
