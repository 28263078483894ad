"""Files and folders into documents; one bad file stops nothing.

What cannot be read becomes a record with a reason, not an exception.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from textwrap import shorten

from kgbuild.datatypes import Document
from kgbuild.errors import DocumentError
from kgbuild.readers import formats, rows, word
from kgbuild.readers.folders import Found, find, reason
from kgbuild.readers.formats import MOST_BYTES, Fields
from kgbuild.readers.rows import Row


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file, or a row of one, that should have become a document; `reason` says why not.

    The reason goes on from the name: "is empty", "cannot be read: permission denied".
    """

    id: str
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file below a given folder that was left out: of a kind not read, or a link back."""

    id: str
    source: str
    reason: str


Reader = Callable[[Path], Iterator[Row]]


def _whole(read_file: Callable[[Path], Fields]) -> Reader:
    """The reader of a file that is one document."""

    def reader(path: Path) -> Iterator[Row]:
        yield Row(0, read_file(path))

    return reader


SUFFIXES: dict[str, Reader] = {
    ".txt": _whole(formats.read_text),
    ".text": _whole(formats.read_text),
    ".md": _whole(formats.read_markdown),
    ".markdown": _whole(formats.read_markdown),
    ".html": _whole(formats.read_html),
    ".htm": _whole(formats.read_html),
    ".xhtml": _whole(formats.read_html),
    ".pdf": _whole(formats.read_pdf),
    ".docx": _whole(word.read_docx),
    ".csv": rows.read_csv,
    ".tsv": rows.read_csv,
    ".json": rows.read_json,
    ".jsonl": rows.read_jsonl,
    ".ndjson": rows.read_jsonl,
}
MOST_CHARACTERS = 20_000_000  # of a document: a dozen thousand pages, an hour of a CPU's work
_READ_BY_LINE = frozenset({".csv", ".tsv", ".jsonl", ".ndjson"})  # may have any size


def read(paths: Sequence[Path]) -> Iterator[Document | Unreadable | Skipped]:
    """Read files and folders, in order of the files' ids, with one document in memory at a time.

    A file's id is its path below the deepest folder that all `paths` have in common; a row's is
    its `id` field, or else `<file id>#<row>`. The metadata hold `source` (the absolute path),
    `row` (if it is one), `encoding` (unless it is UTF-8) and what the file itself says; a field
    of a row that has one of these names gets a `_` behind it.

    Raises:
        DocumentError: one of the paths does not exist. Nothing has been read by then.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise DocumentError(f"{path} does not exist: check the path")
    return _read(find(paths, SUFFIXES))


def _read(files: Sequence[Found]) -> Iterator[Document | Unreadable | Skipped]:
    taken: dict[str, str] = {}
    for file in files:
        if file.skipped:
            yield Skipped(file.id, file.path, file.skipped)
        elif file.problem:
            yield Unreadable(file.id, file.path, file.problem)
        else:
            for item in _documents(file):
                yield _with_own_id(item, file, taken)


def _documents(file: Found) -> Iterator[Document | Unreadable]:
    try:
        for row in _rows(Path(file.path)):
            yield _document(file, row)
    except OSError as error:
        yield Unreadable(file.id, file.path, reason(error))
    except UnicodeDecodeError as error:
        problem = f"is not {error.encoding.upper()} throughout: save it as UTF-8"
        yield Unreadable(file.id, file.path, problem)
    except DocumentError as error:
        yield Unreadable(file.id, file.path, shorten(str(error), 300))


def _rows(path: Path) -> Iterator[Row]:
    suffix = path.suffix.lower()
    size = path.stat().st_size
    if size > MOST_BYTES and suffix not in _READ_BY_LINE:
        limit = MOST_BYTES >> 20
        raise DocumentError(f"has {size >> 20} MB; the limit is {limit} MB: split it")
    parts = SUFFIXES[suffix](path) if size else iter(())
    first = next(parts, None)
    if first is None:
        raise DocumentError("is empty")
    return chain([first], parts)


def _document(file: Found, row: Row) -> Document | Unreadable:
    place = f"{file.id}#{row.number}" if row.number else file.id
    fields = dict(row.fields)
    text, name = fields.pop("text", None), fields.pop("id", None)
    if problem := row.problem or _text_problem(text) or _id_problem(name):
        return Unreadable(place, file.path, problem)
    ours = {"source": file.path} | ({"row": row.number} if row.number else {})
    theirs = {key + "_" if key in ours else key: value for key, value in fields.items()}
    return Document(place if name in (None, "") else str(name), text, ours | theirs)


def _text_problem(text: object) -> str:
    if text is None:
        return 'has no "text"'
    if not isinstance(text, str):
        return f'has a "text" that is not a string: {str(text)[:40]}'
    if len(text) > MOST_CHARACTERS:
        limit = f"the limit for one document is {MOST_CHARACTERS:,}"
        return f"has {len(text):,} characters; {limit}: split it"
    return "" if text.strip() else "is empty"


def _id_problem(name: object) -> str:
    if name is None or (isinstance(name, str | int) and not isinstance(name, bool)):
        return ""
    return f'has an "id" that is neither a string nor a whole number: {str(name)[:40]}'


def _with_own_id(
    item: Document | Unreadable, file: Found, taken: dict[str, str]
) -> Document | Unreadable:
    """The document, unless another one of this run has its id."""
    if isinstance(item, Unreadable):
        return item
    place = f"{file.id}#{item.metadata.get('row', 0)}"
    if item.id in taken:
        return Unreadable(place, file.path, f'has the id "{item.id}", as {taken[item.id]} has')
    taken[item.id] = place if item.metadata.get("row") else file.id
    return item
