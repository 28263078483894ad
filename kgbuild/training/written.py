"""The passages that were written for training: plain text with marks → records.

    @ lighthouse keepers
    E keeper: person who tends a light
    E lighthouse: tower with a light
    R tends: keeper > lighthouse: looked after the light
    ---
    [1 keeper|Marta Ilves] never saw [2 lighthouse|Sker Light]; [1|Ilves] ran [3 lighthouse|Gannet].
    + 1 tends 3
    - 1 tends 2

An ontology, then its passages, each under a line of dashes. A mark holds an entity's number, at its
first mention its type, and the text. Lines with `+` state relations, lines with `-` what the text
denies; relations are divided by `;`. `*` as head or tail stands for every entity type.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kgbuild.training.data import Record, Span

FOLDER = Path(__file__).parents[2] / "passages"
"""Comes with the source, not with an installed kgbuild."""

_MARK = re.compile(r"\[(\d+)(?: ([^|\[\]]+))?\|([^\[\]|]+)\]")
_RELATION_TYPE = re.compile(r"R ([^:]+): ([^:>]+) > ([^:]+?)(?:: (.*))?")
_RELATION = re.compile(r"(\d+) (.+) (\d+)")

Triple = tuple[int, str, int]


@dataclass
class _Ontology:
    """What is declared above some passages."""

    name: str
    entities: dict[str, str] = field(default_factory=dict)
    relations: dict[str, str] = field(default_factory=dict)
    ends: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)

    def declare(self, line: str) -> None:
        """Take in a line that declares a type."""
        if line.startswith("E "):
            name, _, description = line[2:].partition(": ")
            self.entities[name.strip()] = description.strip()
            return
        match = _RELATION_TYPE.fullmatch(line)
        if match is None:
            raise ValueError("expected `E type: description` or `R name: head > tail: description`")
        name, head, tail, description = match.groups()
        self.relations[name] = (description or "").strip()
        self.ends[name] = self._types(head), self._types(tail)

    def _types(self, listed: str) -> tuple[str, ...]:
        names = tuple(name.strip() for name in listed.split(","))
        if names == ("*",):
            return tuple(self.entities)
        unknown = [name for name in names if name not in self.entities]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not a declared entity type")
        return names


def read_written(path: Path) -> list[Record]:
    """Read a file of marked passages.

    Raises:
        ValueError: A line is not understood; the message names file and line.
    """
    records: list[Record] = []
    for number, ontology, lines in _passages(path):
        try:
            records.append(_record(f"{path.stem}-{len(records)}", path.stem, ontology, lines))
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from error
    return records


def _passages(path: Path) -> Iterator[tuple[int, _Ontology, list[str]]]:
    """Each passage with its first line's number and its ontology."""
    ontology = _Ontology("")
    passage: list[str] | None = None
    first = 0
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line == "---" or line.startswith("@ "):
            if passage and any(passage):
                yield first, ontology, passage
            passage, first = [], number + 1
        if line.startswith("@ "):
            ontology, passage = _Ontology(line[2:].strip()), None
        elif passage is not None and line != "---":
            passage.append(line)
        elif line and line != "---":
            try:
                ontology.declare(line)
            except ValueError as error:
                raise ValueError(f"{path}:{number}: {error}") from error
    if passage and any(passage):
        yield first, ontology, passage


def _record(name: str, source: str, ontology: _Ontology, lines: list[str]) -> Record:
    facts = [line for line in lines if line[:2] in ("+ ", "- ")]
    marked = "\n".join(line for line in lines if line[:2] not in ("+ ", "- ")).strip()
    text, types, mentions = _unmark(marked, ontology)
    order = list(types)
    stated, denied = (
        tuple(
            dict.fromkeys(
                _triple(one, order, ontology)
                for line in facts
                if line.startswith(sign)
                for one in line[2:].split(";")
                if one.strip()
            )
        )
        for sign in "+-"
    )
    return Record(
        id=name,
        source=source,
        domain=ontology.name,
        text=text,
        types=tuple(types.values()),
        mentions=tuple(tuple(mentions[number]) for number in order),
        relations=stated,
        exhaustive_entities=True,
        exhaustive_relations=True,
        denied=denied,
        entity_types=ontology.entities,
        relation_types=ontology.relations,
        relation_ends=ontology.ends,
    )


def _unmark(marked: str, ontology: _Ontology) -> tuple[str, dict[str, str], dict[str, list[Span]]]:
    """Take the marks out: the text, and of each entity its type and mentions."""
    text, types, mentions, at = "", dict[str, str](), dict[str, list[Span]](), 0
    for match in _MARK.finditer(marked):
        number, type, name = match.groups()
        text += marked[at : match.start()]
        at = match.end()
        if number not in types:
            if type is None or type.strip() not in ontology.entities:
                raise ValueError(f"{match.group()}: the type is missing or not declared")
            types[number] = type.strip()
        mentions.setdefault(number, []).append((len(text), len(text) + len(name)))
        text += name
    return text + marked[at:], types, mentions


def _triple(fact: str, order: list[str], ontology: _Ontology) -> Triple:
    match = _RELATION.fullmatch(fact.strip())
    if match is None:
        raise ValueError(f"{fact.strip()!r} is not `number relation number`")
    head, name, tail = match.groups()
    if name not in ontology.relations:
        raise ValueError(f"relation {name!r} is not declared")
    if head not in order or tail not in order:
        raise ValueError(f"{fact.strip()!r} names an entity that is not marked")
    return order.index(head), name, order.index(tail)
