"""The two kinds of type an ontology defines, and the rules that must hold between them.

A rule is a small generator of problems: it knows the records, never the file they came from. All
rules run, so that a user sees every mistake at once.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, NamedTuple, TypeVar

Side = Literal["head", "tail"]
SIDES: tuple[Side, Side] = ("head", "tail")
LITERALS = ("date", "number", "text")

# RFC 3987, section 2.2, in short: a scheme, then no character that N-Triples would have to escape.
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`\ud800-\udfff]*[#/:_]")
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class EntityType:
    """A kind of thing, or of value.

    Attributes:
        label: The words the model reads; the name, if not given.
        aliases: Other words for the type.
        is_a: The type above it.
        literal: For a value rather than a thing: how to normalise it (`date`, `number`, `text`).
        threshold: The least score of a mention; the extractor's own, if not given.
    """

    name: str
    description: str = ""
    label: str = ""
    aliases: tuple[str, ...] = ()
    is_a: str | None = None
    literal: str | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or self.name)
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or self.name)
        object.__setattr__(self, "head", tuple(sorted(self.head)))
        object.__setattr__(self, "tail", tuple(sorted(self.tail)))


AnyType = TypeVar("AnyType", bound=EntityType | RelationType)
Entities = Mapping[str, EntityType]
Relations = Mapping[str, RelationType]


Key = tuple[str, ...]


class Problem(NamedTuple):
    """What is wrong at a key of the ontology, such as `("relations", "works for", "head")`."""

    key: Key
    message: str

    def __str__(self) -> str:
        return f"{'.'.join(self.key)}: {self.message}" if self.key else self.message


def ancestors(types: Mapping[str, AnyType], name: str) -> tuple[str, ...]:
    """The types above one, nearest first; it ends where a chain breaks or bites its own tail."""
    found: list[str] = []
    above = types[name].is_a
    while above is not None and above in types and above not in (name, *found):
        found.append(above)
        above = types[above].is_a
    return tuple(found)


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


def problems(prefix: str, entities: Entities, relations: Relations) -> Iterator[Problem]:
    """Everything that is wrong with these types, alone and together; an empty prefix is none."""
    if prefix and not _PREFIX.fullmatch(prefix):
        hint = "give an absolute IRI that ends in # or /, such as https://example.org/company#"
        yield Problem(("prefix",), f"`{prefix}` cannot start an IRI; {hint}")
    if not entities:
        yield Problem(("entities",), "no entity types; define at least one")
    for entity in entities.values():
        yield from _at(("entities", entity.name), _entity_rules(entity, entities))
    for relation in relations.values():
        yield from _at(("relations", relation.name), _relation_rules(relation, relations, entities))
    yield from _at(("entities",), _same_words(entities))
    yield from _at(("relations",), _same_words(relations))


def near(name: str, known: Iterable[str], aliases: dict[str, str] | None = None) -> str:
    """What to do about an unknown name: the likely one meant, or what there is to choose from."""
    names = sorted(known)
    meant = {each.casefold(): each for each in names} | (aliases or {})
    close = get_close_matches(name.casefold(), meant, n=1, cutoff=0.7)
    if close:
        return f"did you mean `{meant[close[0]]}`?"
    listed = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return f"use one of: {listed}" if names else "define it first"


def _at(key: Key, found: Iterable[Problem]) -> Iterator[Problem]:
    return (Problem((*key, *problem.key), problem.message) for problem in found)


def _entity_rules(entity: EntityType, entities: Entities) -> Iterator[Problem]:
    yield from _wording_rules(entity, entity.aliases)
    yield from _hierarchy_rules(entity, entities)
    yield from _threshold_rules(entity.threshold)
    yield from _literal_rules(entity, entities)


def _relation_rules(
    relation: RelationType, relations: Relations, entities: Entities
) -> Iterator[Problem]:
    yield from _wording_rules(relation)
    yield from _hierarchy_rules(relation, relations)
    yield from _threshold_rules(relation.threshold)
    for side in SIDES:
        yield from _end_rules(relation, side, entities)
        yield from _narrowing_rules(relation, side, relations, entities)
    yield from _symmetry_rules(relation, relations)
    yield from _inverse_rules(relation, relations, entities)
    if relation.transitive and any(_is_value(t, entities) for t in relation.tail):
        yield Problem(("transitive",), "the tail is a value, where no chain goes on; remove it")


def _wording_rules(
    record: EntityType | RelationType, aliases: tuple[str, ...] = ()
) -> Iterator[Problem]:
    for words in (record.name, record.label, *aliases):
        if not words or words != " ".join(words.split()):
            yield Problem((), f"{words!r} is blank or has stray white space; write plain words")
    for words in {record.name, record.label, record.description, *aliases}:
        if _UNWRITABLE.search(words):
            yield Problem((), f"{words!r} has a control character; remove it")


def _hierarchy_rules(record: AnyType, types: Mapping[str, AnyType]) -> Iterator[Problem]:
    if record.is_a is None:
        return
    if record.is_a not in types:
        yield Problem(("is_a",), f"`{record.is_a}` is not defined; {near(record.is_a, types)}")
        return
    above = ancestors(types, record.name)
    last = types[above[-1]] if above else record
    if last.is_a == record.name:
        circle = " → ".join((record.name, *above, record.name))
        yield Problem(("is_a",), f"goes round in a circle ({circle}); remove one `is_a`")


def _threshold_rules(threshold: float | None) -> Iterator[Problem]:
    if threshold is not None and not 0 <= threshold <= 1:
        yield Problem(("threshold",), f"{threshold} is outside 0 to 1; give a score in between")


def _literal_rules(entity: EntityType, entities: Entities) -> Iterator[Problem]:
    if entity.literal is None:
        return
    if entity.literal not in LITERALS:
        hint = f"use one of: {', '.join(LITERALS)}"
        yield Problem(("literal",), f"`{entity.literal}` is not a kind of value; {hint}")
    if entity.is_a is not None and entity.is_a in entities:
        above = literal_kind(entities, entity.is_a)
        if above != entity.literal:
            what = f"has `{above}`" if above else "is a thing, not a value"
            yield Problem(("literal",), f"`{entity.is_a}` above it {what}; make the two agree")


def _end_rules(relation: RelationType, side: Side, entities: Entities) -> Iterator[Problem]:
    types: tuple[str, ...] = getattr(relation, side)
    for name in sorted(set(types)):
        if types.count(name) > 1:
            yield Problem((side,), f"`{name}` is listed twice; list it once")
        if name not in entities:
            hint = near(name, entities, _aliases(entities))
            yield Problem((side,), f"`{name}` is not an entity type; {hint}")
        elif side == "head" and _is_value(name, entities):
            hint = "swap the two ends, or remove `literal`"
            yield Problem((side,), f"`{name}` is a value and cannot be a head; {hint}")


def _narrowing_rules(
    relation: RelationType, side: Side, relations: Relations, entities: Entities
) -> Iterator[Problem]:
    if relation.is_a is None or relation.is_a not in relations:
        return
    allowed = end_types(relations, relation.is_a, side)
    for name in getattr(relation, side):
        if allowed and name in entities and not {name, *ancestors(entities, name)} & {*allowed}:
            rule = f"`{relation.is_a}` above it allows only {', '.join(allowed)}"
            yield Problem((side,), f"{rule}; `{name}` is none of them")


def _symmetry_rules(relation: RelationType, relations: Relations) -> Iterator[Problem]:
    if not relation.symmetric:
        return
    if relation.asymmetric:
        yield Problem(("asymmetric",), "cannot be both symmetric and asymmetric; remove one")
    if relation.inverse:
        yield Problem(("inverse",), "a symmetric relation is its own inverse; remove one")
    head, tail = (end_types(relations, relation.name, side) for side in SIDES)
    if head != tail:
        yield Problem(("symmetric",), "needs the same types as `head` and `tail`; make them equal")


def _inverse_rules(
    relation: RelationType, relations: Relations, entities: Entities
) -> Iterator[Problem]:
    name, other = relation.name, relation.inverse
    if other is None:
        return
    if other == name:
        yield Problem(("inverse",), "is the relation itself; write `symmetric: true` instead")
    elif other not in relations:
        hint = near(other, relations.keys() - {name})
        yield Problem(("inverse",), f"`{other}` is not a relation; {hint}")
    else:
        yield from _at(("inverse",), _pair_rules(relation, relations[other], relations, entities))


def _pair_rules(
    relation: RelationType, other: RelationType, relations: Relations, entities: Entities
) -> Iterator[Problem]:
    rivals = {r.name for r in relations.values() if r.inverse == other.name} | {other.inverse}
    for rival in sorted(rivals - {relation.name, None}, key=str):
        yield Problem((), f"`{other.name}` already is the inverse of `{rival}`; keep one of them")
    for side, opposite in (SIDES, SIDES[::-1]):
        ours = end_types(relations, relation.name, side)
        theirs = end_types(relations, other.name, opposite)
        if ours and theirs and ours != theirs:
            hint = f"make its `{opposite}` the `{side}` here"
            yield Problem((), f"`{other.name}` has other types at that end; {hint}")
    if any(_is_value(name, entities) for name in relation.tail):
        yield Problem((), "the tail is a value, from which no relation starts; remove the inverse")


def _aliases(entities: Entities) -> dict[str, str]:
    return {alias.casefold(): e.name for e in entities.values() for alias in e.aliases}


def _is_value(name: str, entities: Entities) -> bool:
    return name in entities and literal_kind(entities, name) is not None


def _same_words(types: Mapping[str, AnyType]) -> Iterator[Problem]:
    """Two types that read the same to the model, or share an alias, cannot be told apart."""
    owner: dict[str, str] = {}
    for record in types.values():
        for words in {record.name, record.label, *getattr(record, "aliases", ())}:
            first = owner.setdefault(words.casefold(), record.name)
            if first != record.name:
                message = f"`{words}` also stands for `{first}`; use other words for one of them"
                yield Problem((record.name,), message)
