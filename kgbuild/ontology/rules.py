"""What must hold of the types of an ontology, alone and together.

A rule is a small generator of problems. It knows the records, never the file they came from, and
every rule runs, so that a user sees all mistakes at once.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from math import isfinite
from typing import NamedTuple

from kgbuild.ontology.types import (
    LITERALS,
    SIDES,
    AnyType,
    Entities,
    EntityType,
    Relations,
    RelationType,
    Side,
    ancestors,
    end_types,
    literal_kind,
)

Key = tuple[str, ...]

MOST_PROBLEMS = 100
UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

# RFC 3987, in short: a scheme, then nothing that N-Triples would have to escape.
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|\\^`\ud800-\udfff]*[#/:_]")


class Problem(NamedTuple):
    """What is wrong at a key of the ontology, such as `("relations", "works for", "head")`."""

    key: Key
    message: str

    def __str__(self) -> str:
        return f"{'.'.join(self.key)}: {self.message}" if self.key else self.message


def problems(prefix: str, entities: Entities, relations: Relations) -> list[Problem]:
    """What is wrong with these types, the first hundred problems; `prefix` may be empty."""
    return list(islice(_all_rules(prefix, entities, relations), MOST_PROBLEMS))


def _all_rules(prefix: str, entities: Entities, relations: Relations) -> Iterator[Problem]:
    if prefix and not _PREFIX.fullmatch(prefix):
        hint = "give an absolute IRI that ends in # or /, such as https://example.org/company#"
        yield Problem(("prefix",), f"`{prefix}` cannot start an IRI; {hint}")
    if not entities:
        yield Problem(("entities",), "no entity types; define at least one")
    yield from _at(("entities",), _common_rules(entities))
    yield from _at(("relations",), _common_rules(relations))
    for name, entity in entities.items():
        yield from _at(("entities", name), _literal_rules(entity, entities))
    for name, relation in relations.items():
        if relation.name == name:  # `_common_rules` has told otherwise
            yield from _at(("relations", name), _relation_rules(relation, relations, entities))
    yield from _at(("relations",), _pairing_rules(relations))


def near(name: str, known: Iterable[str], aliases: Mapping[str, str] | None = None) -> str:
    """What to do about an unknown name: the likely one meant, or what there is to choose from."""
    names = sorted(known)
    meant = {**(aliases or {}), **{each: each for each in names}}
    folded = {each.casefold(): owner for each, owner in meant.items()}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.7)
    if close:
        return f"did you mean `{folded[close[0]]}`?"
    listed = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return f"use one of: {listed}" if names else "define it first"


def _at(key: Key, found: Iterable[Problem]) -> Iterator[Problem]:
    return (Problem((*key, *problem.key), problem.message) for problem in found)


def _common_rules(types: Mapping[str, AnyType]) -> Iterator[Problem]:
    for name, record in types.items():
        yield from _at((name,), _wording_rules(record))
        yield from _at((name,), _hierarchy_rules(name, types))
        yield from _at((name,), _threshold_rules(record.threshold))
        yield from _at((name,), _calibration_rules(record.calibration))
        if record.name != name:
            yield Problem((name,), f"is called `{record.name}`; file it under that name")
    yield from _same_words(types)


def _wording_rules(record: EntityType | RelationType) -> Iterator[Problem]:
    for words in _words(record):
        if not words or words != " ".join(words.split()):
            yield Problem((), f"{words!r} is blank or has stray white space; write plain words")
    for words in (*_words(record), record.description):
        if UNWRITABLE.search(words):
            yield Problem((), f"{words!r} has a control character; remove it")


def _same_words(types: Mapping[str, AnyType]) -> Iterator[Problem]:
    """Two types that read the same to the model, or share an alias, cannot be told apart."""
    owner: dict[str, str] = {}
    for name, record in types.items():
        for folded, words in {words.casefold(): words for words in _words(record)}.items():
            first = owner.setdefault(folded, name)
            if first != name:
                message = f"`{words}` also stands for `{first}`; use other words for one of them"
                yield Problem((name,), message)


def _words(record: EntityType | RelationType) -> tuple[str, ...]:
    """All that a type is called, each once."""
    aliases = record.aliases if isinstance(record, EntityType) else ()
    return tuple(dict.fromkeys((record.name, record.label, *aliases)))


def _hierarchy_rules(name: str, types: Mapping[str, AnyType]) -> Iterator[Problem]:
    parent = types[name].is_a
    if parent is None:
        return
    if parent not in types:
        yield Problem(("is_a",), f"`{parent}` is not defined; {near(parent, types)}")
        return
    line = (name, *ancestors(types, name))
    if types[line[-1]].is_a == name:
        circle = " → ".join((*line, name))
        yield Problem(("is_a",), f"goes round in a circle ({circle}); remove one `is_a`")


def _threshold_rules(threshold: float | None) -> Iterator[Problem]:
    if threshold is not None and not 0 <= threshold <= 1:
        yield Problem(("threshold",), f"{threshold} is outside 0 to 1; give a score in between")


def _calibration_rules(calibration: tuple[float, float] | None) -> Iterator[Problem]:
    slope, offset = calibration or (1.0, 0.0)
    if not (isfinite(slope) and isfinite(offset) and slope > 0):
        hint = "the slope must be above 0; run `kgbuild calibrate` again"
        yield Problem(("calibration",), f"{slope}, {offset} is no calibration: {hint}")


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


def _relation_rules(
    relation: RelationType, relations: Relations, entities: Entities
) -> Iterator[Problem]:
    for side in SIDES:
        yield from _at((side,), _end_rules(relation, side, entities))
        yield from _at((side,), _narrowing_rules(relation, side, relations, entities))
    yield from _symmetry_rules(relation, relations)
    yield from _at(("inverse",), _inverse_rules(relation, relations, entities))
    if relation.transitive and _leads_to_value(relation, entities):
        yield Problem(("transitive",), "the tail is a value, where no chain goes on; remove it")


def _end_rules(relation: RelationType, side: Side, entities: Entities) -> Iterator[Problem]:
    types: tuple[str, ...] = getattr(relation, side)
    for name in dict.fromkeys(types):
        if types.count(name) > 1:
            yield Problem((), f"`{name}` is listed twice; list it once")
        if name not in entities:
            aliases = {alias: e.name for e in entities.values() for alias in e.aliases}
            hint = near(name, entities, aliases)
            yield Problem((), f"`{name}` is not an entity type; {hint}")
        elif side == "head" and literal_kind(entities, name):
            hint = "swap the two ends, or remove `literal`"
            yield Problem((), f"`{name}` is a value and cannot be a head; {hint}")


def _narrowing_rules(
    relation: RelationType, side: Side, relations: Relations, entities: Entities
) -> Iterator[Problem]:
    if relation.is_a is None or relation.is_a not in relations:
        return
    allowed = end_types(relations, relation.is_a, side)
    for name in getattr(relation, side):
        if allowed and name in entities and not {name, *ancestors(entities, name)} & {*allowed}:
            rule = f"`{relation.is_a}` above it allows only {', '.join(allowed)}"
            yield Problem((), f"{rule}; choose among them, or remove `is_a`")


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
    name, inverse = relation.name, relation.inverse
    if inverse is None:
        return
    if inverse == name:
        yield Problem((), "is the relation itself; write `symmetric: true` instead")
    elif inverse not in relations:
        yield Problem((), f"`{inverse}` is not a relation; {near(inverse, {*relations} - {name})}")
    else:
        yield from _opposite_ends(name, inverse, relations)
        if any(_leads_to_value(each, entities) for each in (relation, relations[inverse])):
            yield Problem((), "one of the tails is a value, which cannot be a head; remove it")


def _opposite_ends(relation: str, inverse: str, relations: Relations) -> Iterator[Problem]:
    for side, opposite in (SIDES, SIDES[::-1]):
        ours = end_types(relations, relation, side)
        theirs = end_types(relations, inverse, opposite)
        if ours and theirs and ours != theirs:
            hint = f"make its `{opposite}` the `{side}` here"
            yield Problem((), f"`{inverse}` has other types at that end; {hint}")


def _pairing_rules(relations: Relations) -> Iterator[Problem]:
    """A relation has one inverse, whoever declares it."""
    partners: dict[str, set[str]] = defaultdict(set)
    declared = {name: r.inverse for name, r in relations.items() if r.inverse is not None}
    for name, inverse in declared.items():
        partners[name].add(inverse)
        partners[inverse].add(name)
    for name, inverse in declared.items():
        for rival in sorted(partners[inverse] - {name, inverse}):
            message = f"`{inverse}` already is the inverse of `{rival}`; keep one of them"
            yield Problem((name, "inverse"), message)


def _leads_to_value(relation: RelationType, entities: Entities) -> bool:
    return any(literal_kind(entities, name) for name in relation.tail if name in entities)
