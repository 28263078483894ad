"""Annotated records → training examples for the joint model.

A record is a line of JSON: `text`, `entities` (a type and the spans of all mentions), `relations`
between entities, and whether the annotation is exhaustive; also `sents`, the spans of sentences,
and for a relation `evidence`, the numbers of those that it rests on, where somebody said. An
example is what the model sees: a text of one or several records of a source, a choice of labels,
and for every span and pair whether it is positive, negative or not known. What a source does not
annotate is unknown, not negative.

A line may also be a fact that somebody judged: `text`, `head`, `relation` and `tail` in the words
of the text, and `accepted`, true or false; or a line of `kgbuild export --format jsonl` with
`accepted` added. It says nothing about anything else in its text.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kgbuild.errors import DocumentError

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
        denied: Like `relations`, but of what does not hold.
        sentences: Their character spans, in order, where they are known.
        evidence: (head entity, tail entity) → the sentences that its relations rest on, by number;
            without the pairs of which nobody said.
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
    denied: tuple[tuple[int, str, int], ...] = ()
    sentences: tuple[Span, ...] = ()
    evidence: Mapping[tuple[int, int], frozenset[int]] = field(default_factory=dict)
    entity_types: Mapping[str, str] = field(default_factory=dict)
    relation_types: Mapping[str, str] = field(default_factory=dict)
    relation_ends: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(
        default_factory=dict
    )

    @property
    def group(self) -> str:
        """Records of one group share an inventory of types."""
        return "|".join(sorted(self.relation_types)) or f"{self.source}/{self.domain}"


def read_set(path: Path) -> list[Record]:
    """Read a whole file of annotated records: JSON Lines or, as `.txt`, marked passages.

    Raises:
        DocumentError: It cannot be read, holds no record, or a line is not one.
    """
    from kgbuild.training.written import read_written  # which makes records, too

    try:
        records = read_written(path) if path.suffix == ".txt" else list(read_records(path))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        reason = str(error) if str(path) in str(error) else f"{path}: cannot be read: {error}"
        raise DocumentError(reason) from error
    if not records:
        raise DocumentError(f"{path}: is empty; write one annotated record a line")
    return records


def read_records(path: Path) -> Iterator[Record]:
    """Read a JSON Lines file of annotated records, gzipped or not.

    Raises:
        ValueError: A line is not a record; the message names file and line.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig") as lines:  # without what Windows puts first
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                raw = json.loads(line)
                if not isinstance(raw, dict):
                    raise TypeError("it is no JSON object")
                named = {"id": f"{path.name}:{number}", **raw}
                yield from parse_line(named, path.name.split(".")[0])
            except json.JSONDecodeError as error:
                what = f"{error.msg} at character {error.pos}"
                reason = f"{path}:{number}: not an annotated record, for it is not JSON: {what}"
                raise ValueError(reason) from error
            except KeyError as error:
                reason = f"{path}:{number}: not an annotated record: it has no {error}"
                raise ValueError(reason) from error
            except (AttributeError, TypeError, ValueError) as error:
                raise ValueError(f"{path}:{number}: not an annotated record: {error}") from error


def parse_line(raw: Mapping[str, Any], source: str) -> list[Record]:
    """Turn one parsed line into a record, or one for each sentence that a judged triple rests on.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: It is none.
    """
    if "accepted" not in raw:
        return [parse_record(raw, source)]
    if not isinstance(raw["accepted"], bool):
        raise ValueError("`accepted` must be true or false")
    judged = _judged_triple(raw) if "evidence" in raw else [_judged_fact(raw)]
    return [parse_record(one, source) for one in judged]


def parse_record(raw: Mapping[str, Any], source: str) -> Record:
    """Turn one annotated text into a record.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: It is none.
    """
    entities = raw["entities"]
    known = raw.get("annotated_relations")
    record = Record(
        id=str(raw.get("id", "")),
        source=str(raw.get("source", source)),
        domain=str(raw.get("domain", "")),
        text=raw["text"],
        types=tuple(entity["type"] for entity in entities),
        mentions=tuple(tuple((s, e) for s, e in entity["mentions"]) for entity in entities),
        relations=_triples(raw.get("relations", [])),
        exhaustive_entities=bool(raw.get("exhaustive_ner", True)),
        exhaustive_relations=bool(raw.get("exhaustive_re", True)),
        known_relations=frozenset(known) if known is not None else None,
        negative_pairs=_negative_pairs(raw),
        denied=_triples(raw.get("negated", [])),
        sentences=tuple((s, e) for s, e in _listed(raw, "sents")),
        evidence=_evidence(raw),
        relation_ends={
            name: (tuple(type.get("head", ())), tuple(type.get("tail", ())))
            for name, type in raw.get("relation_types", {}).items()
        },
        entity_types=raw.get("entity_types", {}),
        relation_types={
            n: t.get("description", "") for n, t in raw.get("relation_types", {}).items()
        },
    )
    _check(record)
    return record


def _triples(raw: Sequence[Mapping[str, Any]]) -> tuple[tuple[int, str, int], ...]:
    return tuple((one["head"], one["type"], one["tail"]) for one in raw)


def _listed(raw: Mapping[str, Any], key: str) -> Iterable[Any]:
    """What is there under a key that may be missing or null."""
    value = raw.get(key)
    return () if value is None else value


def _evidence(raw: Mapping[str, Any]) -> dict[tuple[int, int], frozenset[int]]:
    """The evidence of all relations of a pair; none where nobody says what the sentences are."""
    found: dict[tuple[int, int], frozenset[int]] = {}
    for one in raw.get("relations", []) if raw.get("sents") else ():
        pair = one["head"], one["tail"]
        numbers = found.get(pair, frozenset()).union(_listed(one, "evidence"))
        if numbers:
            found[pair] = numbers
    return found


def _check(record: Record) -> None:
    """Refuse spans that lie outside the text, and ends and evidence that are not there."""
    if not isinstance(record.text, str):
        raise TypeError("its `text` is not text")
    for mistake in _mistaken(record):
        raise TypeError(mistake)
    for start, end in (span for spans in (*record.mentions, record.sentences) for span in spans):
        if not 0 <= start < end <= len(record.text):
            raise ValueError(f"no words at {start} to {end} of its {len(record.text)} characters")
    n_entities = len(record.types)
    ends = [end for head, _, tail in (*record.relations, *record.denied) for end in (head, tail)]
    for end in (*ends, *(end for pair in record.negative_pairs for end in pair)):
        if not 0 <= end < n_entities:
            raise ValueError(
                f"a relation's end is {end}, but its entities are 0 to {n_entities - 1}"
            )
    _check_evidence(record)


def _mistaken(record: Record) -> Iterator[str]:
    """Types that are no words, and places that are no whole numbers."""
    triples = (*record.relations, *record.denied)
    types = (*record.types, *(name for _, name, _ in triples), *(record.known_relations or ()))
    spans = (span for of in (*record.mentions, record.sentences) for span in of)
    ends = (*((head, tail) for head, _, tail in triples), *record.negative_pairs)
    yield from (f"{type!r} is no type" for type in types if not isinstance(type, str))
    yield from (f"{at!r} is no place" for two in spans for at in two if not isinstance(at, int))
    yield from (f"{at!r} is no entity" for two in ends for at in two if not isinstance(at, int))


def _check_evidence(record: Record) -> None:
    borders = [place for span in record.sentences for place in span]
    if borders != sorted(borders):
        raise ValueError("its `sents` overlap, or are not in the order of the text")
    last = len(record.sentences) - 1
    for number in (number for numbers in record.evidence.values() for number in numbers):
        if type(number) is not int or not 0 <= number <= last:
            raise ValueError(f"its `evidence` is {number!r}, but its sentences are 0 to {last}")


def _judged_fact(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A fact whose ends are given by their words: any place where these stand will do."""
    places = [_places(raw["text"], raw[side]) for side in ("head", "tail")]
    for side, found in zip(("head", "tail"), places, strict=True):
        if not found:
            raise ValueError(f"its {side} {raw[side]!r} is not in its text")
    return _judged(raw["text"], places, raw["relation"], raw["accepted"])


def _judged_triple(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A triple as it is exported: each piece of evidence has its quote and the ends' spans."""
    return [
        _judged(
            one["quote"],
            [[(start - one["start"], end - one["start"])] for start, end in ends],
            raw["type"],
            raw["accepted"],
        )
        for one in raw["evidence"]
        for ends in [(one["head"], one["tail"])]
    ]


def _judged(text: str, places: Sequence[Any], relation: str, accepted: bool) -> dict[str, Any]:
    """A text with one pair of entities, and one thing said about it."""
    return {
        "text": text,
        "entities": [{"type": "entity", "mentions": spans} for spans in places],
        "relations" if accepted else "negated": [{"head": 0, "type": relation, "tail": 1}],
        "exhaustive_ner": False,
        "exhaustive_re": False,
        "annotated_relations": [],
    }


def _places(text: str, words: str) -> list[Span]:
    """Everywhere that the words stand in the text, whole."""
    pattern = rf"(?<!\w){re.escape(words)}(?!\w)" if words else r"(?!)"
    return [match.span() for match in re.finditer(pattern, text)]


def _negative_pairs(raw: Mapping[str, Any]) -> tuple[tuple[int, int], ...]:
    pair = raw.get("negative_pair")
    if not pair:
        return ()
    head, tail = (pair["head"], pair["tail"]) if isinstance(pair, Mapping) else pair
    return ((head, tail), (tail, head))
