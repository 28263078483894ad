"""What tests of readers ask of one file."""

from pathlib import Path

from kgbuild.datatypes import Document
from kgbuild.readers import Unreadable, read


def only(path: Path) -> Document:
    """The one document of a file."""
    (document,) = read([path])
    assert isinstance(document, Document), document
    return document


def reason(path: Path) -> str:
    """Why the file could not be read."""
    (item,) = read([path])
    assert isinstance(item, Unreadable), item
    assert item.source == str(path)
    assert "\n" not in item.reason
    return item.reason
