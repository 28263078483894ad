"""What can go wrong, in words for the person at the keyboard.

    KgbuildError
    ├── OntologyError     the ontology file is wrong, or a label is not in it
    ├── DocumentError     one document cannot be read; the others go on
    ├── ModelError        a checkpoint cannot be found, read or trusted
    ├── StoreError        the graph's folder or server cannot be read or written
    └── QueryError        a query, an entity or a triple asked for makes no sense here

Each message is one line: what is wrong, where, and what to do. The command line prints it
without a traceback and exits with 1; anything that is not a `KgbuildError` is a bug of ours.
"""


class KgbuildError(Exception):
    """A failure that the user can act on."""


class OntologyError(KgbuildError):
    """The ontology is not valid, or something was asked for that it does not define."""


class DocumentError(KgbuildError):
    """One document cannot be read."""


class ModelError(KgbuildError):
    """A model checkpoint cannot be found, is incomplete, or is of a kind we do not load."""


class StoreError(KgbuildError):
    """A graph cannot be opened, read or written."""


class QueryError(KgbuildError):
    """A question about a graph cannot be answered as it was put."""
