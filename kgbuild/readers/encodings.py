"""Which characters the bytes of a text file stand for, decided without losing any in silence."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from kgbuild.errors import DocumentError

_BLOCK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ASCII = bytes(range(128))
_CONTROLS = bytes([*range(9), *range(14, 26), *range(28, 32), 127])  # but no white space, no ESC
_UNDEFINED = b"\x81\x8d\x8f\x90\x9d"  # in Windows-1252
_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_SURROGATES = re.compile("[\ud800-\udfff]+")
_BINARY = "is binary, not text"


def encoding_of(path: Path, declared: str = "") -> str:
    """A text file's encoding: by its byte order mark, or UTF-8, or `declared`, or Windows-1252.

    The last decodes almost anything, so it is taken only for what looks like a Western
    European language in an old encoding: mostly ASCII, no control characters.

    Raises:
        DocumentError: the file is binary, damaged UTF-8, or in an encoding we cannot tell.
    """
    with path.open("rb") as file:
        head = file.read(4)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return _marked(path, encoding)
    damage = _utf8_damage(path)
    if damage is None:
        return "utf-8"
    return declared or _western(path, damage)


def as_metadata(encoding: str) -> dict[str, str]:
    """What a document should say about its encoding: nothing if it is UTF-8."""
    return {} if encoding.startswith("utf-8") else {"encoding": encoding}


def valid(text: str) -> str:
    """The text without half surrogate pairs and NULs, which no store can hold."""
    if _SURROGATES.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "\ufffd")


def _marked(path: Path, encoding: str) -> str:
    if encoding != "utf-8-sig" and not any(b"\0" in block for block in _blocks(path)):
        raise DocumentError(f"begins like {encoding.upper()}, but is not: save it as UTF-8")
    return encoding


def _utf8_damage(path: Path) -> int | None:
    """Where the file stops being UTF-8, if it does."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    done = 0
    for block in _blocks(path):
        if b"\0" in block:
            raise DocumentError(_BINARY)
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            return done - pending + error.start
        done += len(block)
    pending = len(decoder.getstate()[0])
    return done - pending if pending else None


def _western(path: Path, damage: int) -> str:
    undefined = high = paired = total = 0
    for block in _blocks(path):
        if len(block.translate(None, _CONTROLS)) < len(block):
            raise DocumentError(_BINARY)
        undefined += len(block) - len(block.translate(None, _UNDEFINED))
        high += len(block.translate(None, _ASCII))
        paired += sum(map(len, _UTF8.findall(block)))
        total += len(block)
    if paired >= high / 2:
        raise DocumentError(f"is damaged UTF-8: byte {damage} is not text; save it as UTF-8 again")
    if undefined or high > 0.4 * total:
        raise DocumentError("is not UTF-8, and its encoding cannot be told: save it as UTF-8")
    return "cp1252"


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
