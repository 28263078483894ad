"""Files and folders into documents, one at a time.

`reading.py` is the way through: `folders.py` finds the files, the table `SUFFIXES` says which
formats there are. A file that is one document is read by `formats.py` (text, HTML, PDF; Markdown
with `markdown.py`) or `word.py`, a file of many by `rows.py` (CSV, JSON). `encodings.py` tells
which characters the bytes of a text stand for.
"""

from kgbuild.readers.reading import SUFFIXES, Skipped, Unreadable, read

__all__ = ["SUFFIXES", "Skipped", "Unreadable", "read"]
