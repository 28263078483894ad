"""When two names can mean one thing, and why: names are turned into keys, and meet where keys do.

Two names are `alike` if they share one of their `spellings`, wherever they are read. A full name
has `short_forms` as well, by which a reader of the same document knows it ("the Commission"); few
of these are understood elsewhere. `conflict` forbids what the keys would allow.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from rapidfuzz.distance import OSA

from kgbuild.resolution.names import HONORIFICS, Form, Words
from kgbuild.resolution.nicknames import FORMAL

_MINOR = frozenset(
    "a an and at by de del der des di du e et for in la le of on the to und y".split()
)
_GENERIC_ENDS = frozenset(
    "agency airlines airways association bank brothers club college computer corporation"
    " entertainment enterprises foundation group holding holdings industries institute"
    " international motors party pharmaceuticals pictures records school society solutions studios"
    " systems technologies technology university".split()
)
_COMMON_HEADS = frozenset(
    "academy agency army assembly authority bank board bureau cabinet chamber church club college"
    " commission committee company conference congress council court department embassy force"
    " forces forum foundation government hospital house institute league legislature library"
    " ministry mission museum navy office parliament party police school senate service society"
    " tribunal union university".split()
)
_LONG = 7  # letters of a word in which one letter more or less is a slip rather than another word
_VOWEL = re.compile("[aeiouy]")
_ONE_SOUND = [
    (re.compile(letters), sound)
    for letters, sound in (
        ("ph", "f"),
        ("tsch|tch", "ch"),
        ("[ck]h(?![aeiouy])|ck", "k"),
        ("(?<=[dgkt])h", ""),
        ("w", "v"),
        ("ou|oo", "u"),
        ("([aou])e", r"\1"),
        ("[iy]+", "i"),
        (r"(\w)\1+", r"\1"),
    )
]


@dataclass(frozen=True, slots=True)
class Match:
    """What speaks for two names meaning one thing.

    Attributes:
        everywhere: Whether it holds beyond the one document.
    """

    score: float
    reason: str
    everywhere: bool = True


_SAME = Match(1.0, "same name")
_PLURAL = Match(0.9, "plural")
_SPELLING = Match(0.8, "spelling")
_ACRONYM = Match(0.85, "acronym")
_INITIALS = Match(0.9, "initials")
_MIDDLE_NAME = Match(0.75, "without middle name")
_ENDLESS = Match(0.75, "without its last word")
_MIDDLE_INITIAL = Match(0.8, "without middle initial")
_NICKNAME = Match(0.9, "nickname")
_SLIP = Match(0.75, "one letter")
_VOWELS = Match(0.7, "vowels")
_PART = Match(0.9, "part of the full name", everywhere=False)


def conflict(a: Form, b: Form) -> bool:
    """Whether the names themselves say that they mean two things: Mr and Mrs, AG and GmbH."""
    opposite = bool(a.sex and b.sex and a.sex != b.sex)
    return opposite or not (a.marks <= b.marks or b.marks <= a.marks)


def alike(a: Form, b: Form) -> Match | None:
    """Whether these are two ways to write one name in full."""
    if a.numbers != b.numbers or conflict(a, b):
        return None
    ours, theirs = spellings(a), spellings(b)
    shared = (ours[key] for key in ours.keys() & theirs.keys())
    best = max(shared, key=lambda match: match.score, default=None)
    return best or (_SLIP if _is_slip(a.core, b.core) else None)


def spellings(form: Form) -> dict[str, Match]:
    """Keys for the ways in which a name in full may be written."""
    keys = {}
    if form.kind == "person":  # "Will I. Am" is no William
        keys[" ".join(form.core)] = _SAME
    else:
        keys[form.squeezed] = _SAME
    if form.kind == "other":
        keys[f"plural {form.squeezed}s"] = _PLURAL
        if form.squeezed.endswith("s"):
            keys[f"plural {form.squeezed}"] = _PLURAL
    elif len(form.squeezed) >= 8:
        keys[f"sounds {' '.join(map(sound, form.core))}"] = _SPELLING
    if form.kind == "person" and len(form.core) > 1:
        given, *rest = form.core
        keys[" ".join((FORMAL.get(given, given), *rest))] = _NICKNAME
        keys[f"bones {' '.join(map(_bones, form.core))}"] = _VOWELS
        keys[" ".join(form.core)] = _SAME
    return keys


def neighbourhoods(form: Form) -> Iterator[str]:
    """Keys that a name shares with those that differ by a slip of the pen in one long word."""
    for i, word in enumerate(form.core):
        if len(word) >= _LONG and (len(form.core) > 1 or len(word) > _LONG):
            ends = word[:3] + word[-2:] if len(form.core) == 1 else word[0] + word[-1]
            yield f"slip {' '.join(form.core[:i])}|{ends}|{' '.join(form.core[i + 1 :])}"


def _is_slip(a: Words, b: Words) -> bool:
    """Whether one letter inside one long word is wrong, missing, or in its neighbour's place."""
    if len(a) != len(b):
        return False
    differing = [(left, right) for left, right in zip(a, b, strict=True) if left != right]
    if len(differing) != 1:
        return False
    [(left, right)] = differing
    if min(len(left), len(right)) < _LONG or (left[0], left[-1]) != (right[0], right[-1]):
        return False
    return OSA.distance(left, right, score_cutoff=1) == 1


def short_forms(form: Form) -> dict[str, Match]:
    """Keys for the shorter names of a full name, which look for it with `sought_as`."""
    core = form.core
    parts = (part for part in _parts(form) if form.numbers <= set(part) and part != core)
    short = {" ".join(part): _PART for part in parts}
    if form.kind == "organization":
        short |= dict.fromkeys(map(" ".join, _without_generic_end(core)), _ENDLESS)
    if form.kind != "person":
        major = tuple(word for word in core if word not in _MINOR)
        full = (words for words in (core, major) if len(words) > 1)
        return short | {_acronym(_initials(words)): _ACRONYM for words in full}
    if len(core) > 2:
        short[f"{_initials(core[:-1])} {core[-1]}"] = _INITIALS
    if len(core) > 2 and len(core[0]) > 1 and not _MINOR & set(core):
        initial = len(core) == 3 and len(core[1]) <= 2
        short[f"{core[0]} {core[-1]}"] = _MIDDLE_INITIAL if initial else _MIDDLE_NAME
    return short


def sought_as(form: Form) -> Iterator[str]:
    """The keys under which a short name may stand among the `short_forms` of its full name."""
    yield " ".join(form.core)
    if form.kind == "person" and len(form.core) == 2 and form.core[0] in HONORIFICS:
        yield form.core[1]
    if form.definite:
        yield " ".join(("the", *form.core))
    if form.acronym:
        yield _acronym(form.squeezed)


@lru_cache(maxsize=1 << 16)
def sound(word: str) -> str:
    """A word as other spellings and transliterations of it are written, too."""
    for letters, spoken in _ONE_SOUND:
        word = letters.sub(spoken, word)
    return word


@lru_cache(maxsize=1 << 16)
def _bones(word: str) -> str:
    """A long word as it sounds without the vowels inside, which transliterations disagree on."""
    spoken = sound(word)
    return (
        f"{spoken[0]}{_VOWEL.sub('', spoken[1:-1])}{spoken[-1]}" if len(word) >= _LONG else spoken
    )


def _acronym(initials: str) -> str:
    """A key that no word can be mistaken for."""
    return f"letters {initials}"


def _initials(words: Words) -> str:
    return "".join(word[0] for word in words)


def _parts(form: Form) -> Iterator[Words]:
    if form.kind == "person":
        return _parts_of_person(form.core)
    described = _described(form.core)
    return (
        chain(_parts_of_organization(form.core), described)
        if form.kind == "organization"
        else described
    )


def _parts_of_person(core: Words) -> Iterator[Words]:
    """Given names, surnames, and a given name or its initial with the surname."""
    for i in range(1, len(core)):
        yield from (core[:i], core[i:], (core[i - 1], core[-1]), (core[i - 1][0], core[-1]))


def _parts_of_organization(core: Words) -> Iterator[Words]:
    """The end, unless it is one odd word or hangs on an "of"; what a generic end follows."""
    for i in range(1, len(core)):
        if core[i - 1] not in _MINOR and (i < len(core) - 1 or core[i] in _COMMON_HEADS):
            yield core[i:]
        if all(word in _GENERIC_ENDS for word in core[i:]):
            yield core[:i]


def _without_generic_end(core: Words) -> Iterator[Words]:
    """What is left of a name of three words or more is telling even in other documents."""
    for i in range(2, len(core)):
        if all(word in _GENERIC_ENDS for word in core[i:]):
            yield core[:i]


def _described(core: Words) -> Iterator[Words]:
    """What a definite article makes clear: "the Directorate" of Road Safety, or the other way."""
    for i in range(1, len(core)):
        if core[i - 1] not in _MINOR:
            yield ("the", *core[i:])
        if core[i] in {"of", "for"}:
            yield ("the", *core[:i])
