"""Files that are one document each: text, Markdown, HTML, PDF (Word is in `word.py`).

Each reader gives `text` and what the format knows besides; paragraphs are separated by blank
lines. The parsers are imported where they are used, because most runs need one of them.
"""

import codecs
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgbuild.errors import DocumentError
from kgbuild.readers import markdown
from kgbuild.readers.encodings import as_metadata, encoding_of, valid

if TYPE_CHECKING:
    from pypdf import PageObject

Fields = dict[str, Any]
MOST_BYTES = 256 << 20  # of a file that is read in one piece

_CHARSET = re.compile(rb"""<(?:meta|\?xml)[^>]{0,200}(?:charset|encoding)\s*=\s*["']?([\w.:-]+)""")
_WINDOWS = ("ascii", "iso8859-1", "cp1252")  # all of them mean Windows-1252 in HTML
_INVISIBLE = "head, script, style, nav, noscript, template, svg, iframe, object, [hidden]"
_LINES = "br, tr, dt, dd"
_BLOCKS = (
    "address, article, aside, blockquote, caption, div, dl, fieldset, figcaption, figure, footer,"
    " form, h1, h2, h3, h4, h5, h6, header, hr, li, main, ol, p, pre, section, summary, table, ul"
)
_BLOCK, _LINE, _CELL = "\x1d", "\x1e", "\x1f"  # separators of groups, records and units in ASCII
_SILENT = logging.NullHandler()  # pypdf's warnings reach those who ask for them, not stderr
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st"})
_HYPHENATED = re.compile(r"(?<=[a-zà-ÿ])[-\u00ad]\n(?=[a-zà-ÿ])")


def read_text(path: Path, declared: str = "") -> Fields:
    """The text as it is; `encoding` where it is not UTF-8."""
    encoding = encoding_of(path, declared)
    return {"text": path.read_text(encoding=encoding)} | as_metadata(encoding)


def read_markdown(path: Path) -> Fields:
    """The text without markup; settings at its top as `front_matter`."""
    fields = read_text(path)
    settings, text = markdown.front_matter(fields["text"])
    if settings:
        fields["front_matter"] = settings
    return fields | {"text": markdown.plain(text)}


def read_html(path: Path) -> Fields:
    """What a browser would show, less navigation; `title`."""
    from selectolax.lexbor import LexborHTMLParser

    fields = read_text(path, _declared_charset(path))
    tree = LexborHTMLParser(fields["text"])
    title = tree.css_first("title")
    if title:
        fields["title"] = " ".join(title.text().split())
    for selector, mark in ((_BLOCKS, _BLOCK), (_LINES, _LINE), ("td, th", _CELL)):
        for node in tree.css(selector):
            node.insert_before(mark)
            node.insert_after(mark)
    for node in reversed(tree.css(_INVISIBLE)):  # the inner ones first: the outer free them
        node.decompose()
    shown = tree.root.text() if tree.root else ""
    blocks = (_lines(block) for block in shown.split(_BLOCK))
    return fields | {"text": "\n\n".join(filter(None, blocks))}


def read_pdf(path: Path) -> Fields:
    """The text of all pages; their spans as `pages`; how many gave none as `pages_without_text`."""
    pages = list(_pdf_pages(path))
    without = sum(not text for text in pages)
    if without == len(pages):
        raise DocumentError(f"has no text on its {len(pages)} pages: run text recognition first")
    spans: list[list[int]] = []
    for text in pages:
        start = spans[-1][1] + 2 if spans else 0
        spans.append([start, start + len(text)])
    fields = {"text": "\n\n".join(pages), "pages": spans}
    return fields | ({"pages_without_text": without} if without else {})


def _declared_charset(path: Path) -> str:
    """What the file says of itself; nothing where that is unknown or what we take it for anyway."""
    with path.open("rb") as file:
        match = _CHARSET.search(file.read(4096))
    name = match[1].decode("ascii", "replace") if match else ""
    try:
        b"".decode(name)
        return "" if codecs.lookup(name).name in _WINDOWS else name.lower()
    except LookupError:
        return ""


def _lines(block: str) -> str:
    """One block's lines, white space collapsed, the cells of a row between bars."""
    lines = (
        " | ".join(filter(None, (" ".join(cell.split()) for cell in line.split(_CELL))))
        for line in block.split(_LINE)
    )
    return "\n".join(filter(None, lines))


def _pdf_pages(path: Path) -> Iterator[str]:
    import pypdf
    from pypdf.errors import FileNotDecryptedError

    logging.getLogger("pypdf").addHandler(_SILENT)
    try:
        for page in pypdf.PdfReader(path).pages:
            yield _page_text(page)
    except FileNotDecryptedError as error:
        raise DocumentError("is encrypted: save it without a password") from error
    except OSError:
        raise
    except Exception as error:  # a foreign parser on foreign bytes
        raise DocumentError(f"is not a PDF that can be read: {error}") from error


def _page_text(page: "PageObject") -> str:
    """A page's text with ligatures resolved and words hyphenated at line ends joined."""
    try:
        text = page.extract_text()
    except Exception:  # a broken page costs that page only; it is counted as one without text
        return ""
    return _HYPHENATED.sub("", valid(text).translate(_LIGATURES)).strip()
