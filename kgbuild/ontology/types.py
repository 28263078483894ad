"""The two kinds of type that an ontology defines, and what each inherits from the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

Side = Literal["head", "tail"]
SIDES: tuple[Side, Side] = ("head", "tail")
LITERALS = ("date", "number", "text")


@dataclass(frozen=True, slots=True)
class EntityType:
    """A kind of thing, or of value.

    Attributes:
        label: The words the model reads; the name, if not given.
        aliases: Other words for the type.
        is_a: The type above it.
        literal: For a value rather than a thing: how to normalise it (`date`, `number`, `text`).
        threshold: The least score of a mention; the extractor's own, if not given.
        calibration: Slope and offset of the score's log-odds; `kgbuild calibrate` finds them.
    """

    name: str
    description: str = ""
    label: str = ""
    aliases: tuple[str, ...] = ()
    is_a: str | None = None
    literal: str | None = None
    threshold: float | None = None
    calibration: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or self.name)
        object.__setattr__(self, "description", " ".join(self.description.split()))
        object.__setattr__(self, "aliases", tuple(sorted(self.aliases)))


@dataclass(frozen=True, slots=True)
class RelationType:
    """A kind of directed link between two things, or from a thing to a value.

    Attributes:
        label: The words the model reads; the name, if not given.
        head: The entity types it may start from; empty: any.
        tail: The entity types it may lead to; empty: any.
        is_a: The more general relation that holds whenever this one does.
        inverse: The relation that says the same from the other end.
        functional: A head has at most one tail.
        inverse_functional: A tail has at most one head.
        threshold: The least score of a relation; the extractor's own, if not given.
        calibration: Slope and offset of the score's log-odds.
    """

    name: str
    description: str = ""
    label: str = ""
    head: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    is_a: str | None = None
    inverse: str | None = None
    symmetric: bool = False
    asymmetric: bool = False
    functional: bool = False
    inverse_functional: bool = False
    transitive: bool = False
    threshold: float | None = None
    calibration: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or self.name)
        object.__setattr__(self, "description", " ".join(self.description.split()))
        object.__setattr__(self, "head", tuple(sorted(self.head)))
        object.__setattr__(self, "tail", tuple(sorted(self.tail)))


AnyType = TypeVar("AnyType", bound=EntityType | RelationType)
Entities = Mapping[str, EntityType]
Relations = Mapping[str, RelationType]


def ancestors(types: Mapping[str, AnyType], name: str) -> tuple[str, ...]:
    """The types above one, nearest first; it ends where a chain breaks or bites its own tail."""
    chain = {name: None}  # a set that keeps its order
    above = types[name].is_a
    while above is not None and above in types and above not in chain:
        chain[above] = None
        above = types[above].is_a
    return tuple(chain)[1:]


def literal_kind(entities: Entities, name: str) -> str | None:
    """How a type's values are normalised, by its own word or its ancestors'; None for a thing."""
    chain = (name, *ancestors(entities, name))
    return next((kind for each in chain if (kind := entities[each].literal)), None)


def inverses(relations: Relations) -> dict[str, str]:
    """Each relation's inverse, whichever of the two declares it."""
    declared = {name: r.inverse for name, r in relations.items() if r.inverse is not None}
    return {inverse: name for name, inverse in declared.items()} | declared


def end_types(relations: Relations, name: str, side: Side) -> tuple[str, ...]:
    """The types named for an end: by the relation, else by the nearest one above it; () is any."""
    chain = (name, *ancestors(relations, name))
    return next((types for each in chain if (types := getattr(relations[each], side))), ())
