"""What people have decided on entities, kept by the names that these had then."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kgbuild.ledger.known import known
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
    with ledger.database.transaction(), _reconsidering(ledger):
        for same, *sides in given:
            if not all(sides):
                raise ValueError("a judgement is on two things with names")
            number = ledger.database.insert("INSERT INTO judgements (same) VALUES (?)", (same,))
            ledger.database.insert_many(
                "INSERT INTO judged_names VALUES (?, ?, ?, ?, ?)",
                ((number, right, *key) for right, keys in enumerate(sides) for key in keys),
            )
            numbers.append(number)
        ledger.set("dirty", "1")
    return numbers


def remove_judgement(ledger: Ledger, number: int) -> None:
    """Forget that it was ever given."""
    with ledger.database.transaction(), _reconsidering(ledger):
        ledger.database.execute("DELETE FROM judged_names WHERE judgement = ?", (number,))
        ledger.database.execute("DELETE FROM judgements WHERE number = ?", (number,))
        ledger.set("dirty", "1")


@contextmanager
def _reconsidering(ledger: Ledger) -> Iterator[None]:
    """Note for the next resolution which names mean another thing after it."""
    from kgbuild.resolution import things_of

    things = known(ledger)
    before = things_of(judgements(ledger), things)
    yield
    after = things_of(judgements(ledger), things)
    ledger.database.insert_many(
        "INSERT OR IGNORE INTO reconsidered VALUES (?, ?, ?)",
        (key for key in before | after if before.get(key) != after.get(key)),
    )
