"""The memory of a graph: one SQLite file with what each document is and says.

`ledger.py` has its tables and records documents (`quotes.py` picks the words to show as evidence);
`judgements.py` keeps what people have decided on entities, `known.py` what they knew before;
`resolving.py` brings the clusters of names up to date, `assembly.py` computes the graph from all
this, every time anew; `database.py` is SQLite, opened with care.
"""

from kgbuild.ledger.assembly import assemble, names
from kgbuild.ledger.database import Database, Row, only_writer
from kgbuild.ledger.judgements import add_judgements, judgements, remove_judgement
from kgbuild.ledger.known import known, set_known
from kgbuild.ledger.ledger import FILE_NAME, DocumentState, Ledger
from kgbuild.ledger.resolving import resolve_names

__all__ = [
    "FILE_NAME",
    "Database",
    "DocumentState",
    "Ledger",
    "Row",
    "add_judgements",
    "assemble",
    "judgements",
    "known",
    "names",
    "only_writer",
    "remove_judgement",
    "resolve_names",
    "set_known",
]
