"""Word documents, from their XML.

The paragraphs that python-docx offers leave out what is in a content control, a text box or a
tracked insertion, so we walk the XML it has parsed.
"""

import zipfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from kgbuild.errors import DocumentError
from kgbuild.readers.formats import MOST_BYTES, Fields

if TYPE_CHECKING:
    from docx.document import Document
    from docx.oxml.xmlchemy import BaseOxmlElement as Element

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_TYPED = {_WORD + "tab": "\t", _WORD + "br": "\n", _WORD + "cr": "\n", _WORD + "noBreakHyphen": "-"}
_PARAGRAPH, _TABLE, _ROW, _TABLE_CELL = (_WORD + tag for tag in ("p", "tbl", "tr", "tc"))
_TEXT_BOX = _WORD + "txbxContent"
_REPEATED = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_NOT_TEXT = frozenset({_REPEATED, _TEXT_BOX, _WORD + "pPr"})  # w:pPr defines tabs with w:tab


def read_docx(path: Path) -> Fields:
    """Paragraphs and tables in the order of the document, then its notes.

    Text boxes, content controls and tracked insertions count as text; headers and footers do not.
    """
    import docx

    if not zipfile.is_zipfile(path):
        raise DocumentError("is not a .docx file, or has a password: save it as .docx")
    try:
        _refuse_bomb(path)
        document = docx.Document(str(path))
        roots = [document.element.body, *_notes(document)]
    except (OSError, DocumentError):
        raise
    except Exception as error:  # a foreign parser on foreign bytes
        raise DocumentError(f"is not a Word document that can be read: {error}") from error
    return {"text": "\n\n".join(filter(None, chain.from_iterable(map(_docx_blocks, roots))))}


def _refuse_bomb(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        size = sum(part.file_size for part in archive.infolist())
    if size > MOST_BYTES:
        raise DocumentError(f"unpacks to {size >> 20} MB; the limit is {MOST_BYTES >> 20} MB")


def _notes(document: "Document") -> Iterator["Element"]:
    """The roots of the footnotes and the endnotes."""
    from docx.oxml import parse_xml

    for relation in document.part.rels.values():
        if relation.reltype.endswith(("/footnotes", "/endnotes")):
            yield parse_xml(relation.target_part.blob)


def _docx_blocks(element: "Element") -> Iterator[str]:
    """The text of each paragraph and table below an element of Word's XML."""
    for block in _nearest(element, _PARAGRAPH, _TABLE):
        if block.tag == _TABLE:
            yield "\n".join(filter(None, map(_docx_row, _nearest(block, _ROW))))
        else:
            yield "".join(_docx_text(block)).strip()
            for box in _nearest(block, _TEXT_BOX):
                yield from _docx_blocks(box)


def _docx_row(row: "Element") -> str:
    cells = (" ".join(" ".join(_docx_blocks(cell)).split()) for cell in _nearest(row, _TABLE_CELL))
    return " | ".join(filter(None, cells))


def _docx_text(element: "Element") -> Iterator[str]:
    for child in element:
        if child.tag == _WORD + "t":
            yield child.text or ""
        elif child.tag in _TYPED:
            yield _TYPED[child.tag]
        elif child.tag not in _NOT_TEXT:
            yield from _docx_text(child)


def _nearest(element: "Element", *tags: str) -> Iterator["Element"]:
    """The descendants with one of the tags that lie in no other such descendant."""
    for child in element:
        if child.tag in tags:
            yield child
        elif child.tag != _REPEATED:
            yield from _nearest(child, *tags)
