"""The ontology as a whole: its types, kept in agreement, and every question about them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from kgbuild.errors import OntologyError
from kgbuild.ontology.parsing import dump, parse, read_text
from kgbuild.ontology.rules import near, problems
from kgbuild.ontology.types import (
    SIDES,
    AnyType,
    EntityType,
    RelationType,
    Side,
    ancestors,
    end_types,
    inverses,
    literal_kind,
)


@dataclass(frozen=True)
class Ontology:
    """Entity types and relation types that agree with each other; others cannot be built.

    The types are kept sorted by name, so that nothing that is computed from an ontology depends on
    the order in which its file lists them.

    Attributes:
        prefix: What the IRIs of types and entities start with.
        calibrated_for: The id of the model that the types' calibrations were made with.

    Raises:
        OntologyError: The types contradict each other. The message has a line for each problem.
    """

    name: str
    prefix: str = ""
    entities: Mapping[str, EntityType] = field(default_factory=dict)
    relations: Mapping[str, RelationType] = field(default_factory=dict)
    calibrated_for: str = ""

    def __post_init__(self) -> None:
        prefix = self.prefix or f"https://example.org/{quote(self.name, errors='replace')}#"
        object.__setattr__(self, "prefix", prefix)
        object.__setattr__(self, "entities", dict(sorted(self.entities.items())))
        object.__setattr__(self, "relations", dict(sorted(self.relations.items())))
        found = problems(prefix, self.entities, self.relations)
        if found:
            raise OntologyError("\n".join(f"ontology `{self.name}`: {each}" for each in found))

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a YAML file, and the calibration that `kgbuild calibrate` has put beside it, if any.

        Raises:
            OntologyError: All that is wrong with it, one `file:line: key: problem` per line.
        """
        ontology = cls.parse(read_text(Path(path)), source=str(path))
        beside = calibration_beside(Path(path))
        if not beside.exists():
            return ontology
        return ontology.with_calibration(cls.parse(read_text(beside), source=str(beside)), beside)

    @classmethod
    def parse(cls, text: str, source: str = "ontology") -> Self:
        """Read YAML text; `source` is what errors call it, and its stem is the default name."""
        return cls(**{"name": Path(source).stem} | parse(text, source))

    def with_calibration(self, other: "Ontology", source: Path) -> Self:
        """This ontology with the thresholds and calibrations of another's types.

        Raises:
            OntologyError: The other has types that this one lacks; `source` says where it is from.
        """
        unknown = [
            *(other.entities.keys() - self.entities),
            *(other.relations.keys() - self.relations),
        ]
        if unknown:
            raise OntologyError(
                f"{source}: `{min(unknown)}` is not in ontology `{self.name}`;"
                " run `kgbuild calibrate` again, or delete the file"
            )
        return replace(
            self,
            entities={n: _calibrated(t, other.entities.get(n)) for n, t in self.entities.items()},
            relations={
                n: _calibrated(t, other.relations.get(n)) for n, t in self.relations.items()
            },
            calibrated_for=other.calibrated_for,
        )

    def to_yaml(self) -> str:
        """A file that `parse` reads back as an equal ontology."""
        return dump(self._content)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the content, in hex; comments, layout and order in the file do not matter."""
        content = json.dumps(self._content, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def is_a(self, type: str, ancestor: str) -> bool:
        """Whether an entity type is another or lies below it."""
        return self._entity(type).name in self.descendants(ancestor)

    def ancestors(self, type: str) -> tuple[str, ...]:
        """The entity types above one, nearest first."""
        return ancestors(self.entities, self._entity(type).name)

    def descendants(self, type: str) -> frozenset[str]:
        """An entity type and all below it."""
        return self._below[self._entity(type).name]

    def compatible(self, type_a: str, type_b: str) -> bool:
        """Whether one thing can be of both types: one of them is or lies above the other."""
        return self.is_a(type_a, type_b) or self.is_a(type_b, type_a)

    def is_literal(self, type: str) -> bool:
        """Whether a type is a value rather than a thing."""
        return self.literal(type) is not None

    def literal(self, type: str) -> str | None:
        """How a type's values are normalised (`date`, `number`, `text`); None for a thing."""
        return literal_kind(self.entities, self._entity(type).name)

    def heads(self, relation: str) -> frozenset[str]:
        """Every entity type, subtypes included, from which a relation may start."""
        return self._ends[self._relation(relation).name, "head"]

    def tails(self, relation: str) -> frozenset[str]:
        """Every entity type, subtypes and values included, to which a relation may lead."""
        return self._ends[self._relation(relation).name, "tail"]

    def allows(self, relation: str, head_type: str, tail_type: str) -> bool:
        """Whether a relation may link a thing of one type to a thing or value of another."""
        head, tail = self._entity(head_type).name, self._entity(tail_type).name
        return head in self.heads(relation) and tail in self.tails(relation)

    def inverse_of(self, relation: str) -> str | None:
        """The inverse of a relation, whichever of the two declares it."""
        return self._inverses.get(self._relation(relation).name)

    def super_relations(self, relation: str) -> tuple[str, ...]:
        """The relations that hold whenever this one does, nearest first."""
        return ancestors(self.relations, self._relation(relation).name)

    def _entity(self, name: str) -> EntityType:
        return _known(name, self.entities, f"ontology `{self.name}` has no entity type")

    def _relation(self, name: str) -> RelationType:
        return _known(name, self.relations, f"ontology `{self.name}` has no relation")

    @cached_property
    def _below(self) -> dict[str, frozenset[str]]:
        below: dict[str, set[str]] = {name: {name} for name in self.entities}
        for name in self.entities:
            for ancestor in self.ancestors(name):
                below[ancestor].add(name)
        return {name: frozenset(names) for name, names in below.items()}

    @cached_property
    def _inverses(self) -> dict[str, str]:
        return inverses(self.relations)

    @cached_property
    def _ends(self) -> dict[tuple[str, Side], frozenset[str]]:
        return {(name, side): self._end(name, side) for name in self.relations for side in SIDES}

    def _end(self, relation: str, side: Side) -> frozenset[str]:
        """An end left open takes what the inverse says of it; failing that, any type fits."""
        named = end_types(self.relations, relation, side)
        if not named and (inverse := self._inverses.get(relation)):
            named = end_types(self.relations, inverse, "tail" if side == "head" else "head")
        types = frozenset().union(*(self._below[name] for name in named or self.entities))
        two_way = self.relations[relation].symmetric or relation in self._inverses
        return self._things & types if side == "head" or two_way else types

    @cached_property
    def _things(self) -> frozenset[str]:
        return frozenset(name for name in self.entities if not self.is_literal(name))

    @cached_property
    def _content(self) -> dict[str, Any]:
        """The ontology as plain data: a file's long form, without what is at its default."""
        calibrated = {"calibrated_for": self.calibrated_for} if self.calibrated_for else {}
        return {
            "name": self.name,
            "prefix": self.prefix,
            **calibrated,
            "entities": {name: _details(entity) for name, entity in self.entities.items()},
            "relations": {name: _details(relation) for name, relation in self.relations.items()},
        }


def calibration_beside(path: Path) -> Path:
    """Where the calibration of an ontology file is kept."""
    return path.with_name(f"{path.stem}.calibration.yaml")


def _calibrated(record: AnyType, other: AnyType | None) -> AnyType:
    if other is None or other.threshold is None:
        return record
    return replace(record, threshold=other.threshold, calibration=other.calibration)


def _details(record: EntityType | RelationType) -> dict[str, Any]:
    given = {f.name: getattr(record, f.name) for f in fields(record) if f.default is not MISSING}
    if record.label == record.name:
        del given["label"]
    defaults = {f.name: f.default for f in fields(record)}
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in given.items()
        if value != defaults[key]
    }


def _known(name: str, types: Mapping[str, AnyType], complaint: str) -> AnyType:
    if name not in types:
        raise OntologyError(f"{complaint} `{name}`; {near(name, types)}")
    return types[name]
