"""Whether two names can mean one thing, and why.

Two names are `alike` wherever they are read. A full name has `short_forms`, which a reader of the
same document understands ("the Commission"), and of these few are understood everywhere. `conflict`
forbids what the others would allow.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from kgbuild.names import Form, Kind, Words

_MINOR = frozenset(
    "a an and at by de del der des di du e et for in la le of on the to und y".split()
)
_GENERIC = frozenset(
    "agency airlines airways association bank brothers club college computer corporation"
    " entertainment enterprises foundation group holding holdings industries institute"
    " international motors party pharmaceuticals pictures records school society solutions studios"
    " systems technologies technology university".split()
)
_DEMONYMS = ("n", "an", "ian", "ese", "i")


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
_SAME_INITIALS = Match(0.9, "same initials")
_PLURAL = Match(0.9, "plural")
_SPELLING = Match(0.8, "spelling")
_SLIP = Match(0.75, "spelling")
_ACRONYM = Match(0.85, "acronym")
_MIDDLE_INITIAL = Match(0.8, "without middle initial")
_PART = Match(0.85, "part of the full name", everywhere=False)
_DEMONYM = Match(0.75, "demonym", everywhere=False)


def conflict(a: Form, b: Form) -> bool:
    """Whether the names themselves say that they mean two things: Mr and Mrs, AG and GmbH."""
    opposite = bool(a.sex and b.sex and a.sex != b.sex)
    return opposite or not (a.marks <= b.marks or b.marks <= a.marks)


def alike(a: Form, b: Form, kind: Kind) -> Match | None:
    """Whether these are two ways to write one name in full."""
    if a.numbers != b.numbers or conflict(a, b):
        return None
    if a.squeezed == b.squeezed:
        return _SAME
    if kind == "person":
        return _SAME_INITIALS if _same_initials(a.core, b.core) else _spelling(a.core, b.core)
    return _PLURAL if _plural(a.squeezed, b.squeezed) else _spelling(a.core, b.core)


def alike_keys(form: Form, kind: Kind) -> Iterator[str]:
    """Names that are alike share one of these."""
    core = form.core
    yield form.squeezed.removesuffix("s")
    yield "sounds " + " ".join(map(skeleton, core))
    if kind == "person" and len(core) > 1:
        given = core[0] if len(core) == 2 else "".join(word[0] for word in core[:-1])
        yield f"initials {given} {core[-1]}"
    for i, word in enumerate(core):
        if len(word) >= 7:  # one slip leaves the start or the end of a long word as it was
            for part in (f"{word[:3]}*{word[-1]}", f"{word[0]}*{word[-3:]}"):
                yield " ".join((*core[:i], part, *core[i + 1 :]))


def sought_as(form: Form) -> Iterator[str]:
    """The keys under which a short name looks for its full name among `short_forms`."""
    yield " ".join(form.core)
    if form.acronym:
        yield letters(form.squeezed)


def short_forms(form: Form, kind: Kind) -> dict[str, Match]:
    """The shorter names of a full name, as keys."""
    short: dict[str, Match] = {}
    if kind == "person":
        short |= dict.fromkeys(_parts_of_person(form.core), _PART)
        if _middle_initials(form.core):
            short[f"{form.core[0]} {form.core[-1]}"] = _MIDDLE_INITIAL
    elif kind == "organization":
        short |= dict.fromkeys(_parts_of_organization(form.core), _PART)
    elif kind == "place":
        short |= dict.fromkeys(_demonyms(form.core), _DEMONYM)
    if kind != "person":
        short |= {letters(initials): _ACRONYM for initials in _initials(form.core)}
    return short


def letters(initials: str) -> str:
    """The key of an acronym, which no word can be mistaken for."""
    return f"letters {initials}"


def skeleton(word: str) -> str:
    """What different spellings and transliterations of a word have in common.

    Consonants without repetition, and the first and the last vowel.
    """
    for written, spoken in (("ph", "f"), ("tch", "ch"), ("kh", "k"), ("ck", "k"), ("w", "v")):
        word = word.replace(written, spoken)
    if word.endswith(("y", "i")):
        word = word.rstrip("yi") + "i"
    edges = (0, len(word) - 1)
    kept = (c for i, c in enumerate(word) if i in edges or c not in "aeiouyh")
    return "".join(_without_repetition(kept))


def _without_repetition(chars: Iterator[str]) -> Iterator[str]:
    before = ""
    for char in chars:
        if char != before:
            yield char
        before = char


def _same_initials(a: Words, b: Words) -> bool:
    """Whether they are as "JRR Tolkien" and "John Ronald Reuel Tolkien": two initials or more."""
    short, full = sorted((a, b), key=len)
    if len(short) != 2 or len(full) < 3 or short[-1] != full[-1]:
        return False
    return short[0] == "".join(word[0] for word in full[:-1])


def _plural(a: str, b: str) -> bool:
    short, long = sorted((a, b), key=len)
    return len(short) >= 5 and long == short + "s"


def _spelling(a: Words, b: Words) -> Match | None:
    """One word differs a little: it sounds the same, or there is one slip in a long word."""
    if len(a) != len(b):
        return None
    differing = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
    if len(differing) != 1:
        return None
    [(x, y)] = differing
    shortest, distance = min(len(x), len(y)), OSA.distance(x, y, score_cutoff=2)
    if shortest >= 5 and distance <= 2 and skeleton(x) == skeleton(y):
        return _SPELLING
    if shortest >= 7 and distance == 1 and x[0] == y[0] and x[-1] == y[-1]:
        return _SLIP
    return None


def _parts_of_person(core: Words) -> Iterator[str]:
    """Given names, surnames, and a given name or its initial with the surname."""
    for i in range(1, len(core)):
        yield " ".join(core[:i])
        yield " ".join(core[i:])
        yield f"{core[i - 1]} {core[-1]}"
        yield f"{core[i - 1][0]} {core[-1]}"


def _middle_initials(core: Words) -> bool:
    return len(core) == 3 and len(core[0]) > 1 and len(core[1]) <= 2


def _parts_of_organization(core: Words) -> Iterator[str]:
    """What follows ("Commission" of "Philippine Commission"), and what a generic word follows."""
    for i in range(1, len(core)):
        yield " ".join(core[i:])
        if all(word in _GENERIC for word in core[i:]):
            yield " ".join(core[:i])


def _demonyms(core: Words) -> Iterator[str]:
    land = core[0]
    if len(core) == 1 and len(land) >= 4:
        for stem in {land, land[:-1]} if land[-1] in "aeoy" else {land}:
            yield from (stem + ending for ending in _DEMONYMS)


def _initials(core: Words) -> set[str]:
    """The first letters of two or more words, with and without the small words."""
    spellings = (core, tuple(word for word in core if word not in _MINOR))
    return {"".join(word[0] for word in words) for words in spellings if len(words) > 1}
