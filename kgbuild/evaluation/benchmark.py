"""Annotated sets → scores of a model, by the same way that documents take through the pipeline.

Each record comes with the types of its source: an ontology is made of them, the text is extracted
with it like any document, and the result is compared with the annotation. Records that share their
types share an ontology.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgbuild.datatypes import Document
from kgbuild.errors import DocumentError
from kgbuild.evaluation.metrics import Counts, count_mentions, count_relations, interval, total
from kgbuild.extraction import Extractor
from kgbuild.ontology import EntityType, Ontology, RelationType
from kgbuild.training.data import UNTYPED, Record, read_records

# What to call things where the source only says that something is named.
_ANYTHING = ("person", "organization", "location", "date", "event", "creative work", "product")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one set.

    Attributes:
        mentions: Per record that has typed entities; others say nothing about mentions.
        relations: Per record of a source that annotates relations.
    """

    name: str
    records: int
    mentions: tuple[Counts, ...]
    relations: tuple[Counts, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for scripts."""
        return {
            "set": self.name,
            "records": self.records,
            "mentions": _summary(self.mentions),
            "relations": _summary(self.relations),
        }


def evaluate(
    path: Path,
    model: str | Path,
    *,
    device: str = "auto",
    limit: int | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Result:
    """Extract the texts of an annotated set and compare.

    Args:
        path: JSON Lines of annotated records, gzipped or not.
        model: A name or folder that `kgbuild.models.load_model` takes.
        device: Where to run it.
        limit: Take so many records, evenly spread over the file; all by default.
        advance: Is called after each record.

    Raises:
        DocumentError: The file is not a set of annotated records.
    """
    try:
        everything = list(read_records(path))
    except (OSError, ValueError) as error:
        raise DocumentError(str(error)) from error
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in everything:
        groups[record.group].append(record)
    chosen = {id(record) for record in _spread(everything, limit)}
    mentions: list[Counts] = []
    relations: list[Counts] = []
    for members in groups.values():
        wanted = [record for record in members if id(record) in chosen]
        if not wanted:
            continue
        ontology = make_ontology(members)
        extractor = Extractor(model, ontology, device=device)
        documents = [Document(str(i), record.text) for i, record in enumerate(wanted)]
        for record, extracted in zip(wanted, extractor.extract(documents), strict=True):
            if extracted.extraction is None:
                raise DocumentError(f"{path}: {record.id}: {extracted.error}")
            if any(type not in UNTYPED for type in record.types):
                mentions.append(count_mentions(record, extracted.extraction))
            if ontology.relations:
                relations.append(count_relations(record, extracted.extraction))
            advance()
    return Result(path.name.split(".")[0], len(chosen), tuple(mentions), tuple(relations))


def make_ontology(records: Sequence[Record]) -> Ontology:
    """The ontology of a source: given with its records, or all the types that occur in them."""
    given = records[0]
    entities = given.entity_types or dict.fromkeys(
        sorted({type for record in records for type in record.types} - UNTYPED) or _ANYTHING, ""
    )
    relations = given.relation_types or dict.fromkeys(
        sorted({name for record in records for _, name, _ in record.relations}), ""
    )
    return Ontology(
        "evaluation",
        "https://example.org/evaluation#",
        {name: EntityType(name, text) for name, text in entities.items()},
        {name: _relation(name, text, given.relation_ends) for name, text in relations.items()},
    )


def _relation(
    name: str, description: str, ends: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
) -> RelationType:
    head, tail = ends.get(name, ((), ()))
    return RelationType(name, description, head=head, tail=tail)


def _spread(records: Sequence[Record], limit: int | None) -> Sequence[Record]:
    if limit is None or limit >= len(records):
        return records
    return [records[i * len(records) // limit] for i in range(limit)]


def _summary(counts: Sequence[Counts]) -> dict[str, float | int] | None:
    if not counts:
        return None
    sum_ = total(counts)
    low, high = interval(counts)
    return {
        "precision": round(sum_.precision, 4),
        "recall": round(sum_.recall, 4),
        "f1": round(sum_.f1, 4),
        "f1_low": round(low, 4),
        "f1_high": round(high, 4),
        "gold": sum_.gold,
    }
