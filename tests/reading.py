"""A reader of documents that needs no model: it finds the names and links it is told of."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from kgbuild import Chunk, Document, Extraction, Mention, Ontology, Relation

ONTOLOGY = Ontology.parse(
    """
    name: company
    prefix: https://example.org/company#
    entities:
      person: {description: A human being}
      organization: {}
      company: {is_a: organization}
    relations:
      works for: {head: person, tail: organization}
      founded: {head: person, tail: organization, inverse: founded by}
      founded by: {head: organization, tail: person}
      married to: {head: person, tail: person, symmetric: true}
    """
)
PERSONS = ("Ada Lovelace", "Charles Babbage", "Mary Shelley", "Percy Shelley")
COMPANIES = ("Acme Corp", "Globex", "Initech")
RELATIONS = r"works for|founded by|founded|married to"


@dataclass(frozen=True)
class Extracted:
    document: Document
    chunks: tuple[Chunk, ...]
    extraction: Extraction | None
    error: str | None = None


@dataclass(frozen=True)
class Reader:
    """Takes "PERSON works for COMPANY" at its word; cannot read a text that says BROKEN."""

    fingerprint: str = "reader 1"

    def extract(self, documents: Iterable[Document]) -> Iterator[Extracted]:
        for document in documents:
            yield read(document)


class NoReader:
    """Must not be asked to read anything."""

    fingerprint = "reader 1"

    def extract(self, documents):
        raise AssertionError(f"asked to read {[document.id for document in documents]}")


class Letters:
    """Vectors of texts by their letters."""

    def embed(self, texts):
        rows = np.array(
            [[text.casefold().count(c) for c in "abcdefghijklmnopqrstuvwxyz"] for text in texts],
            dtype=np.float32,
        ).reshape(len(texts), 26)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def read(document: Document) -> Extracted:
    if "BROKEN" in document.text:
        return Extracted(document, (), None, "the model gave up")
    chunk = Chunk(document.id, 0, 0, len(document.text), document.text)
    mentions = tuple(find_mentions(document))
    extraction = Extraction(document.id, mentions, tuple(find_relations(document, mentions)), 1.0)
    return Extracted(document, (chunk,), extraction)


def find_mentions(document: Document) -> Iterator[Mention]:
    types = dict.fromkeys(PERSONS, "person") | dict.fromkeys(COMPANIES, "company")
    generated = r"[A-Z][a-z]+ [A-Z][a-z]+(?= (?:works|founded|married))"
    for match in re.finditer("|".join([*types, r"\bC\d+\b", generated]), document.text):
        type = types.get(match[0], "company" if match[0][1:].isdigit() else "person")
        score = 0.5 + int(hashlib.sha256(match[0].encode()).hexdigest()[:4], 16) / 200_000
        yield Mention(document.id, match.start(), match.end(), match[0], type, score)


def find_relations(document: Document, mentions: tuple[Mention, ...]) -> Iterator[Relation]:
    for head, tail in zip(mentions, mentions[1:], strict=False):
        between = document.text[head.end : tail.start].strip()
        if re.fullmatch(RELATIONS, between):
            yield Relation(head, tail, between, min(head.score, tail.score), "reader")
