"""When two names can mean one thing, and why: names are turned into keys, and meet where keys do.

Two names are `alike` if they share one of their `spellings`, wherever they are read. A full name
has `short_forms` as well, by which a reader of the same document knows it ("the Commission"); few
of these are understood elsewhere. `conflict` forbids what the keys would allow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from rapidfuzz.distance import OSA

from kgbuild.resolution.names import HONORIFICS, Form, Words
from kgbuild.resolution.nicknames import ABROAD, FORMAL
from kgbuild.resolution.places import PLACE
from kgbuild.resolution.sounds import LONG, bones, sound

_MINOR = frozenset(
    "a an and at by de del der des di du e et for in la le of on the to und y".split()
)
_GENERIC_ENDS = frozenset(
    "agency airlines airways association bank brothers club college computer corporation"
    " entertainment enterprises foundation group holding holdings industries institute"
    " international motors party pharmaceuticals pictures records school society solutions studios"
    " systems technologies technology university".split()
)
_COMPANY_ENDS = frozenset(
    "airlines airways computer corporation entertainment enterprises group holding holdings"
    " industries international motors pharmaceuticals solutions systems technologies".split()
)
_COMMON_HEADS = frozenset(
    "academy agency army assembly authority bank board bureau cabinet chamber church club college"
    " commission committee company conference congress council court department embassy force"
    " forces forum foundation government hospital house institute league legislature library"
    " ministry mission museum navy office parliament party police school senate service society"
    " tribunal union university".split()
)
_PARTICLES = _MINOR | frozenset(
    "al el von van den der ter bin ibn bint ben dos das di af av zu".split()
)
_STATES = frozenset(
    "state republic kingdom commonwealth federation principality sultanate emirate dominion peoples"
    " democratic islamic socialist federal municipality grand duchy".split()
)
_LOOSE_ENDS = frozenset(
    "mission program programme project hydrochloride hcl sodium calcium potassium sulfate sulphate"
    " maleate tartrate mesylate besylate succinate fumarate citrate tablet tablets capsule capsules"
    " injection disease syndrome magazine journal".split()
)


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
_JOINED = Match(0.9, "same letters")
_PLURAL = Match(0.9, "plural")
_SPELLING = Match(0.85, "spelling")
_REORDERED = Match(0.8, "same words")
_TURNED = Match(0.75, "surname first")
_ACRONYM = Match(0.85, "acronym")
_TWO_LETTERS = Match(0.7, "acronym")
_INITIALS = Match(0.9, "initials")
_INITIAL = Match(0.65, "initial")
_MIDDLE_NAME = Match(0.8, "without middle name")
_MIDDLE_INITIAL = Match(0.85, "middle initial")
_BYNAME = Match(0.8, "without byname")
_SURNAMES = Match(0.7, "surnames")
_ENDLESS = Match(0.75, "without its last word")
_STATE = Match(0.75, "without what kind of place it is")
_OTHER_NAME = Match(0.9, "other name of the place")
_NICKNAME = Match(0.9, "nickname")
_NICKNAME_SPELT = Match(0.8, "nickname and spelling")
_ABROAD = Match(0.75, "given name in another language")
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
    """Keys for the ways in which a name in full may be written; of two for one key, the better."""
    ways = _of_person(form.core) if form.kind == "person" else _of_thing(form)
    keys: dict[str, Match] = {}
    for key, match in ways:
        if key not in keys or keys[key].score < match.score:
            keys[key] = match
    return keys


def _of_person(core: Words) -> Iterator[tuple[str, Match]]:
    yield " ".join(core), _SAME  # "Will I. Am" is no William
    squeezed = "".join(core)
    if len(squeezed) >= 8:
        yield f"sounds {' '.join(map(sound, _major(core)))}", _SPELLING
    if len(core) == 1:
        return
    if len(squeezed) >= 8 and min(map(len, core)) > 1:
        yield f"letters {squeezed}", _JOINED
    given, *rest = _major(core)
    family = " ".join(map(sound, rest))
    for formal in FORMAL.get(given, ()):
        yield f"called {formal} {' '.join(rest)}", _NICKNAME
        yield f"called {formal} sounds {family}", _NICKNAME_SPELT
    skeleton = " ".join(map(bones, rest))
    for native in ABROAD.get(given, ()):
        yield f"abroad {native} {skeleton}", _ABROAD
    yield f"bones {bones(given)} {skeleton}", _VOWELS
    if not all(word in FORMAL or word in ABROAD for word in core):  # "Martin James"
        yield f"turned {' '.join(sorted(core))}", _TURNED


def _of_thing(form: Form) -> Iterator[tuple[str, Match]]:
    yield form.squeezed, _SAME
    yield " ".join(form.core), _SAME
    if form.kind == "other":
        yield f"plural {form.squeezed}s", _PLURAL
        if form.squeezed.endswith("s"):
            yield f"plural {form.squeezed}", _PLURAL
    if len(form.squeezed) >= 8:
        yield f"sounds {''.join(sound(w) if len(w) > 3 else w for w in form.core)}", _SPELLING
    if form.kind == "place":
        text = " ".join(form.core)
        if text in PLACE and (len(text) > 2 or form.acronym):
            yield f"place {PLACE[text]}", _OTHER_NAME
    major = [word for word in form.core if word not in _MINOR]
    if len(major) > 1:
        yield f"words {' '.join(sorted(map(_singular, major)))}", _REORDERED


def _major(core: Words) -> Words:
    """Without "von" and "al", as far as anything is left."""
    major = tuple(word for word in core if word not in _PARTICLES)
    return major if len(major) > 1 else core


def _singular(word: str) -> str:
    return sound(word[:-1] if len(word) > 4 and word.endswith("s") else word)


def neighbourhoods(form: Form) -> Iterator[str]:
    """Keys that a name shares with those that differ by a slip of the pen in one long word."""
    for i, word in enumerate(form.core):
        if len(word) >= LONG and (len(form.core) > 1 or len(word) > LONG):
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
    if min(len(left), len(right)) < LONG or (left[0], left[-1]) != (right[0], right[-1]):
        return False
    return OSA.distance(left, right, score_cutoff=1) == 1


def short_forms(form: Form) -> dict[str, Match]:
    """Keys for the shorter names of a full name, which look for it with `sought_as`."""
    core = form.core
    parts = (part for part in _parts(form) if form.numbers <= set(part) and part != core)
    short = {" ".join(part): _PART for part in parts}
    if form.kind == "person":
        return short | dict(_shorter_person(_major(core)))
    for part, match in _shorter_thing(form):
        if form.numbers <= set(part):
            short[" ".join(part)] = match
    major = tuple(word for word in core if word not in _MINOR)
    for words in (core, major):
        if len(words) > 1:
            short[_acronym(_initials(words))] = _ACRONYM if len(words) > 2 else _TWO_LETTERS
    return short


def _shorter_person(core: Words) -> Iterator[tuple[str, Match]]:
    """What is understood beyond the document, as `sought_as` asks for it, the likeliest last."""
    if "of" in core[2:]:
        core = core[: core.index("of", 2)]
        yield _asked(core[0], core[1:]), _BYNAME
    core = _major(core)
    if len(core) < 2:
        return
    given, *middle, last = core
    if len(given) > 1:
        yield _asked(given[0], (last,)), _INITIAL
    if not middle:
        return
    yield _asked(middle[-1], (last,)), _SURNAMES
    yield _asked(_initials(core[:-2]), core[-2:]), _INITIALS
    match = _MIDDLE_NAME if len(middle[0]) > 1 else _MIDDLE_INITIAL
    for name in _called(given):
        for i in range(len(middle)):
            yield _asked(name, (*middle[:i], *middle[i + 1 :], last)), match
        yield _asked(name, (last,)), match
        yield _asked(name, (middle[0][0], last)), _MIDDLE_INITIAL
    yield _asked(_initials(core[:-1]), (last,)), _INITIALS


def _called(given: str) -> Iterator[str]:
    """A given name and those that it may be short or foreign for."""
    yield given
    if len(given) > 1:
        yield from FORMAL.get(given, ())
        yield from (f"{native} abroad" for native in ABROAD.get(given, ()))


def _asked(given: str, rest: Sequence[str]) -> str:
    """A person's name as a key; short for it are its initials and what else a person is called."""
    return " ".join(("person", given, *map(sound, rest)))


def _shorter_thing(form: Form) -> Iterator[tuple[Words, Match]]:
    core = form.core
    if form.kind == "place":
        rest = tuple(word for word in core if word not in _STATES | _MINOR)
        if rest and len(rest) < len(core) or core[0] in {"river", "mount"}:
            yield rest if len(rest) < len(core) else core[1:], _STATE
        return
    for i in range(1, len(core)):
        ends = _GENERIC_ENDS if i > 1 else _COMPANY_ENDS  # "Butler" may be more than a university
        ends = ends if form.kind == "organization" else _LOOSE_ENDS
        if all(word in ends for word in core[i:]) and len("".join(core[:i])) >= LONG - 2:
            yield core[:i], _ENDLESS


def sought_as(form: Form) -> Iterator[str]:
    """The keys under which a short name may stand among the `short_forms` of its full name."""
    core = form.core
    yield " ".join(core)
    if form.kind == "person" and len(core) > 1:
        if len(core) == 2 and core[0] in HONORIFICS:
            yield core[1]
        given, *rest = _major(core)
        yield from (_asked(name, rest) for name in _called(given))
    if form.definite:
        yield " ".join(("the", *core))
    if form.acronym:
        yield _acronym(form.squeezed)


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


def _described(core: Words) -> Iterator[Words]:
    """What a definite article makes clear: "the Directorate" of Road Safety, or the other way."""
    for i in range(1, len(core)):
        if core[i - 1] not in _MINOR:
            yield ("the", *core[i:])
        if core[i] in {"of", "for"}:
            yield ("the", *core[:i])
