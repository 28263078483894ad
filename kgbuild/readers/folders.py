"""Which files there are below the paths that a user gives: each once, under a stable name."""

import heapq
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple


class Found(NamedTuple):
    """A file, or something in its place.

    Attributes:
        id: Its path below the deepest folder common to all paths given, with forward slashes.
        path: Absolute; links are not resolved.
        problem: Why it cannot be read, if so.
        skipped: Why it is left out, if so.
    """

    id: str
    path: str
    problem: str = ""
    skipped: str = ""


def find(given: Sequence[Path], suffixes: Collection[str]) -> list[Found]:
    """All files that are given or lie below a folder that is, sorted by id.

    Hidden files and folders are passed over. Nothing is found twice: links come after everything
    else, and one that leads to what is already found is left out, so loops end.
    """
    roots = sorted({os.path.abspath(path) for path in given})
    if not roots:
        return []
    folders = (root if os.path.isdir(root) else os.path.dirname(root) for root in roots)
    base = os.path.commonpath(list(folders))
    return sorted(_named(base, found) for found in _walk(roots, suffixes))


def reason(error: OSError) -> str:
    """What the system says, in one line."""
    return f"cannot be read: {(error.strerror or str(error)).lower()}"


def _walk(roots: Sequence[str], suffixes: Collection[str]) -> Iterator[Found]:
    queue = [(os.path.islink(root), root) for root in roots]  # a heap: links last
    seen: set[str] = set()
    while queue:
        is_link, path = heapq.heappop(queue)
        target = os.path.realpath(path)
        if target in seen or (is_link and _holds(target, path)):
            if is_link:
                yield Found("", path, skipped="is a link to what is already read")
            continue
        seen.add(target)
        if os.path.isdir(path):
            try:
                for entry in os.scandir(path):
                    if not entry.name.startswith("."):
                        heapq.heappush(queue, (entry.is_symlink(), entry.path))
            except OSError as error:
                yield Found("", path, problem=reason(error))
        elif os.path.splitext(path)[1].lower() in suffixes:
            yield Found("", path, problem=_file_problem(path))
        elif path in roots:
            yield Found("", path, problem=_unknown(suffixes))
        else:
            yield Found("", path, skipped=_unknown(suffixes))


def _unknown(suffixes: Collection[str]) -> str:
    return f"is of a kind that is not read; these are: {' '.join(sorted(suffixes))}"


def _holds(folder: str, path: str) -> bool:
    """Whether a folder is one of those above `path`."""
    return os.path.commonpath([folder, os.path.realpath(os.path.dirname(path))]) == folder


def _file_problem(path: str) -> str:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return reason(error)
    return "" if stat.S_ISREG(mode) else "is not a regular file"


def _named(base: str, found: Found) -> Found:
    name = os.path.relpath(found.path, base).replace(os.sep, "/")
    try:
        name.encode()
        return found._replace(id=name)
    except UnicodeEncodeError:
        name, path = (os.fsencode(part).decode("utf-8", "replace") for part in (name, found.path))
        return Found(name, path, problem="has a name that is not valid UTF-8: rename it")
