"""Files of many documents: CSV, JSON and JSON Lines. A broken row costs that row only."""

import csv
import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from kgbuild.errors import DocumentError
from kgbuild.readers.encodings import as_metadata, encoding_of, valid
from kgbuild.readers.formats import MOST_BYTES, Fields, read_text


class Row(NamedTuple):
    """One document of a file, or why it could not be read.

    Attributes:
        number: Counted from 1; 0 if the file is one document.
        fields: `text`, perhaps `id`; the rest is metadata.
        problem: Empty if all is well.
    """

    number: int
    fields: Fields
    problem: str = ""


_DELIMITERS = ",;\t|"
_BAD_ESCAPE = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")
_BETWEEN = re.compile(r"\s*,?\s*")


def read_csv(path: Path) -> Iterator[Row]:
    """One row, one document; the header names the fields, its commonest separator divides them."""
    encoding = encoding_of(path)
    with path.open(encoding=encoding, newline="") as file:
        first = file.readline()
        delimiter = max(_DELIMITERS, key=first.count)
        reader = csv.reader(chain([first], file), delimiter=delimiter, strict=True)
        header = _header(_next_cells(reader))
        number = 0
        while (cells := _next_cells(reader)) is not None:
            if cells:  # not a blank line
                number += 1
                yield _csv_row(number, header, cells, as_metadata(encoding))


def read_jsonl(path: Path) -> Iterator[Row]:
    """One line, one document, numbered by its line."""
    encoding = encoding_of(path)
    with path.open(encoding=encoding) as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield _json_row(number, _only_value(line.strip()), as_metadata(encoding))


def read_json(path: Path) -> Iterator[Row]:
    """A list of documents, parsed one at a time, or a single document."""
    fields = read_text(path)
    text = fields.pop("text").strip()
    if text.startswith("["):
        for number, value in enumerate(_elements(text), 1):
            yield _json_row(number, value, fields)
    elif text:
        yield _json_row(0, _only_value(text), fields)


def _header(cells: list[str] | str | None) -> list[str]:
    if isinstance(cells, str):
        raise DocumentError(f"has no header that can be read: {cells}")
    names = [name.strip() for name in cells or []]
    names = [name.lower() if name.lower() in ("id", "text") else name for name in names]
    if "text" not in names:
        found = ", ".join(names)[:200] or "nothing"
        raise DocumentError(f'has no column "text", but: {found}; its first row must name them')
    return names


def _next_cells(reader: Iterator[list[str]]) -> list[str] | str | None:
    """The next row's cells; a problem; or None at the end of the file."""
    limit = csv.field_size_limit(MOST_BYTES)  # of the whole process, so it is put back
    try:
        return next(reader, None)
    except csv.Error as error:
        return str(error)
    finally:
        csv.field_size_limit(limit)


def _csv_row(number: int, header: list[str], cells: list[str] | str, extra: Fields) -> Row:
    if isinstance(cells, str):
        return Row(number, {}, f"is not valid CSV: {cells}")
    if any(cells[len(header) :]):
        problem = f"has {len(cells)} cells, the header {len(header)}: quote text with separators"
        return Row(number, {}, problem)
    return Row(number, extra | dict(zip(header, cells, strict=False)))


def _json_row(number: int, value: object, extra: Fields) -> Row:
    if isinstance(value, DocumentError):
        return Row(number, {}, str(value))
    if not isinstance(value, dict):
        return Row(number, {}, f'is not an object with a "text", but {json.dumps(value)[:40]}')
    return Row(number, extra | value)


def _elements(text: str) -> Iterator[object]:
    """The elements of a JSON list; an error in place of the first that is broken, then no more."""
    position = _after_comma(text, 1)
    while not text.startswith("]", position):
        value, position = _value(text, position)
        if isinstance(value, DocumentError):
            yield DocumentError(f"{value}; the rest of the list is lost")
            return
        yield value
        position = _after_comma(text, position)


def _only_value(text: str) -> object:
    """What a text of one JSON value says, or the error."""
    value, end = _value(text, 0)
    if text[end:].strip():
        return DocumentError("has more than one JSON value: one on each line is .jsonl")
    return value


def _value(text: str, start: int) -> tuple[object, int]:
    """The JSON value that starts there, or the error, and where it ends."""
    try:
        value, end = json.JSONDecoder().raw_decode(text, start)
        return (_valid(value) if _BAD_ESCAPE.search(text, start, end) else value), end
    except (ValueError, RecursionError) as error:
        return DocumentError(f"is not valid JSON: {error}"), len(text)


def _valid(value: object) -> object:
    """The value with all its strings made valid: JSON can escape what is no text."""
    if isinstance(value, str):
        return valid(value)
    if isinstance(value, list):
        return [_valid(item) for item in value]
    if isinstance(value, dict):
        return {valid(key): _valid(item) for key, item in value.items()}
    return value


def _after_comma(text: str, position: int) -> int:
    match = _BETWEEN.match(text, position)
    return match.end() if match else position
