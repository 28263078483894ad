"""Annotated records → training examples for the joint model.

A record is a line of JSON: `text`, `entities` (a type and the spans of all mentions), `relations`
between entities, and whether the annotation is exhaustive. An example is what the model sees: a
text of one or several records of a source, a choice of labels, and for every span and pair whether
it is positive, negative or not known. What a source does not annotate is unknown, not negative.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Span = tuple[int, int]
UNTYPED = frozenset({"entity", "nominal"})
"""Types that mean: the source says that something is named here, not what it is."""


@dataclass(frozen=True, slots=True)
class Record:
    """One annotated text.

    Attributes:
        mentions: Per entity, the character spans of its mentions.
        relations: (head entity, type, tail entity).
        known_relations: The relation types that were looked for in this text; None: all of the
            source's.
        entity_types: The source's inventory where it comes with the record: name → description.
        relation_types: Likewise.
        relation_ends: Of those relation types: the types of head and tail.
    """

    id: str
    source: str
    domain: str
    text: str
    types: tuple[str, ...]
    mentions: tuple[tuple[Span, ...], ...]
    relations: tuple[tuple[int, str, int], ...]
    exhaustive_entities: bool
    exhaustive_relations: bool
    known_relations: frozenset[str] | None = None
    negative_pairs: tuple[tuple[int, int], ...] = ()
    entity_types: Mapping[str, str] = field(default_factory=dict)
    relation_types: Mapping[str, str] = field(default_factory=dict)
    relation_ends: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(
        default_factory=dict
    )

    @property
    def group(self) -> str:
        """Records of one group share an inventory of types."""
        return "|".join(sorted(self.relation_types)) or f"{self.source}/{self.domain}"


def read_records(path: Path) -> Iterator[Record]:
    """Read a JSON Lines file of annotated records, gzipped or not.

    Raises:
        ValueError: A line is not a record; the message names file and line.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield parse_record(json.loads(line), path.name.split(".")[0])
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{path}:{number}: not an annotated record: {error}") from error


def parse_record(raw: Mapping[str, Any], source: str) -> Record:
    """Turn one parsed line into a record."""
    entities = raw["entities"]
    known = raw.get("annotated_relations")
    return Record(
        id=str(raw.get("id", "")),
        source=str(raw.get("source", source)),
        domain=str(raw.get("domain", "")),
        text=raw["text"],
        types=tuple(entity["type"] for entity in entities),
        mentions=tuple(tuple((s, e) for s, e in entity["mentions"]) for entity in entities),
        relations=tuple((r["head"], r["type"], r["tail"]) for r in raw.get("relations", [])),
        exhaustive_entities=bool(raw.get("exhaustive_ner", True)),
        exhaustive_relations=bool(raw.get("exhaustive_re", True)),
        known_relations=frozenset(known) if known is not None else None,
        negative_pairs=_negative_pairs(raw),
        relation_ends={
            name: (tuple(type.get("head", ())), tuple(type.get("tail", ())))
            for name, type in raw.get("relation_types", {}).items()
        },
        entity_types=raw.get("entity_types", {}),
        relation_types={
            n: t.get("description", "") for n, t in raw.get("relation_types", {}).items()
        },
    )


def _negative_pairs(raw: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    pair = raw.get("negative_pair")
    if not pair:
        return ()
    head, tail = (pair["head"], pair["tail"]) if isinstance(pair, Mapping) else pair
    return ((head, tail), (tail, head))
