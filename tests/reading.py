"""A reader of documents that needs no model: it takes "PERSON works for COMPANY" at its word.

python reading.py GRAPH FOLDER [SECONDS]     ingests, with a pause at each document
"""

import hashlib
import io
import re
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from kgbuild import Chunk, Document, Extraction, KnowledgeGraph, Mention, Ontology, Relation
from kgbuild.extraction import Extracted

ONTOLOGY = Ontology.parse(
    """
    name: company
    prefix: https://example.org/company#
    entities:
      person: {description: A human being}
      organization: {}
      company: {is_a: organization}
      date: {literal: date}
    relations:
      works for: {head: person, tail: organization}
      founded: {head: person, tail: organization, inverse: founded by}
      founded by: {head: organization, tail: person}
      married to: {head: person, tail: person, symmetric: true}
      founded on: {head: organization, tail: date}
    """
)
_COMPANY = r"Acme Corp|Globex|Initech|C\d+"
_DATE = r"\d{1,2} [A-Z][a-z]+ \d{4}"
_PERSON = r"[A-Z][a-z]+ [A-Z][a-z]+"
_MENTION = re.compile(rf"(?P<company>{_COMPANY})|(?P<date>{_DATE})|(?P<person>{_PERSON})")


class Reader:
    """Extracts what stands in so many words; cannot read a text that says BROKEN."""

    def __init__(self, fingerprint="reader 1", pause=0.0):
        self.fingerprint = fingerprint
        self.read = []
        self._pause = pause

    def extract(self, documents):
        for document in documents:
            time.sleep(self._pause)
            self.read.append(document.id)
            yield read(document)


class Letters:
    """Vectors of texts by their letters."""

    def embed(self, texts):
        counts = [[text.casefold().count(letter) for letter in "aeioulnrst"] for text in texts]
        rows = np.array(counts, dtype=np.float32).reshape(len(texts), 10) + 0.1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def read(document: Document) -> Extracted:
    if "BROKEN" in document.text:
        return Extracted(document, (), None, "the model gave up")
    chunk = Chunk(document.id, 0, 0, len(document.text), document.text)
    found = tuple(mentions(document))
    return Extracted(
        document, (chunk,), Extraction(document.id, found, tuple(relations(document, found)), 1.0)
    )


def mentions(document):
    for match in _MENTION.finditer(document.text):
        score = 0.5 + int(hashlib.sha256(match[0].encode()).hexdigest()[:4], 16) / 200_000
        yield Mention(document.id, *match.span(), match[0], match.lastgroup, score)


def relations(document, found):
    for head, tail in zip(found, found[1:], strict=False):
        between = document.text[head.end : tail.start].strip()
        if between in ONTOLOGY.relations:
            yield Relation(head, tail, between, min(head.score, tail.score), "reader")


def open_graph(folder, *, extractor=None, ontology=ONTOLOGY, **options):
    return KnowledgeGraph.open(
        folder,
        ontology=ontology,
        extractor=extractor or Reader(),
        embedder=Letters(),
        **options,
    )


@contextmanager
def ingested(folder, texts):
    """The graph of these documents; both lie below the folder."""
    with open_graph(folder / "kg") as kg:
        kg.ingest([write(folder / "docs", texts)])
        yield kg


def exported(kg, format):
    out = io.BytesIO()
    kg.export(format, out)
    return out.getvalue()


def write(folder, texts):
    """A folder with these files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


if __name__ == "__main__":
    graph, folder, *pause = sys.argv[1:]
    with open_graph(Path(graph), extractor=Reader(pause=float(*pause or [0]))) as kg:
        kg.ingest([folder])
