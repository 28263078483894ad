"""Annotated files, read and checked."""

from collections.abc import Iterator
from pathlib import Path

from kgbuild.errors import DocumentError
from kgbuild.training.data import Record, read_set


def read_annotation(path: Path) -> list[Record]:
    """Read a file whose types are words and whose places are whole numbers.

    Raises:
        DocumentError: It cannot be read, or is not such a file.
    """
    records = read_set(path)
    for record in records:
        for mistake in _mistakes(record):
            raise DocumentError(f"{path}: record '{record.id}': {mistake}; see the README")
    return records


def _mistakes(record: Record) -> Iterator[str]:
    types = (*record.types, *(name for _, name, _ in record.relations))
    places = (place for spans in record.mentions for span in spans for place in span)
    ends = (end for head, _, tail in record.relations for end in (head, tail))
    yield from (f"{type!r} is no type" for type in types if not isinstance(type, str))
    yield from (f"{at!r} is no place" for at in (*places, *ends) if not isinstance(at, int))
