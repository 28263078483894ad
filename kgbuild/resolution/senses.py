"""One name, several things: what documents say around a name tells its namesakes apart.

Documents that share a name speak of one thing, unless there is evidence against it: other values of
what a thing has only one of (its birth), or passages that have nothing in common where a name is so
short that many may have it. What shares a neighbour in the graph is one. The most common meaning
has number 0, so that a name that all documents use alike is as if nobody had looked.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import mean

import numpy as np

from kgbuild.resolution.clustering import Partition, average_linkage
from kgbuild.resolution.matching import Match
from kgbuild.resolution.names import Form, Kind
from kgbuild.resolution.places import COUNTRY, STATE, regions
from kgbuild.resolution.records import Embed, Name

_UNRELATED: dict[tuple[Kind, int], float] = {
    # Cosine of the passages around a name of so many words, below which it means two things. Of
    # passages about one person, one pair in fifty is below 0.11; of those on two, every second.
    ("person", 1): 0.16,
    ("person", 2): 0.1,
    ("organization", 1): 0.12,
    ("other", 1): 0.04,
}
_RELATED = 0.35  # cosine of passages that speak of one thing, whatever dates they give it
_MANY = 200  # documents that use a name, above which its passages are not compared
_TELLING = 4  # words of a passage besides the name, at least, for it to tell anything
_AMBIGUOUS = 3  # letters of an acronym that often has several meanings
_AROUND = 200  # characters of a passage on either side of the name that are looked at
_VOWEL = re.compile("[aeiouy]|[^a-z]")
_BORN = re.compile(r"\bborn\b[^.;()]{0,40}?\b(1[0-9]{3}|20[0-9]{2})\b")
_LIVED = re.compile(r"^[^.;()]{0,3}\(\D{0,30}(1[0-9]{3}|20[0-9]{2})\s*[-–—]")
_STATES, _COUNTRIES, _REGIONS = (
    "|".join(name.upper() if len(name) == 2 else name.title() for name in sorted(names))
    for names in (STATE, COUNTRY, {*STATE, *COUNTRY})
)
_WITHIN = [
    re.compile(pattern)
    for pattern in (
        # "Paris, Texas"; "Paris, a town in Lamar County, Texas"; not "Georgia, Armenia and Turkey"
        rf"^,\s+(?:an?\s[^.;()]{{0,40}}?)?\b({_STATES})\b",
        rf"^,\s+(?:an?\s[^.;()]{{0,40}}?)?\b({_COUNTRIES})\b(?!\s*(?:,|and\b|or\b|&))",
        # "Springfield is the capital of Illinois"; "Paris in north-east Texas"
        rf"^\s(?:(?:is|was)\s(?:the|an?)\s)?(?:[a-z-]+\s){{0,3}}(?:in|of)\s(?:the\s)?"
        rf"(?:[a-z-]+\s){{0,2}}({_REGIONS})\b",
    )
]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a document says around a thing.

    Attributes:
        passage: The text around its names, without these.
        neighbours: What it has a relation with.
        values: Of what it has only one, by property.
    """

    passage: str
    neighbours: frozenset[str]
    values: Mapping[str, str]

    @property
    def tells(self) -> bool:
        return bool(self.passage or self.values)


def setting(names: Iterable[Name], kind: Kind) -> Setting:
    """What a document says around the thing that these names mean."""
    named = sorted(names)
    best = max(named, key=lambda name: (bool(name.context), len(name.spelling)))
    values = dict(sorted((key, value) for name in named for key, value in name.values))
    neighbours = frozenset[str]().union(*(name.neighbours for name in named))
    return Setting(
        _passage(best, kind), neighbours, values | _stated(best.context, best.text, kind)
    )


def senses(form: Form, settings: Sequence[Setting], likeness: "Likeness") -> list[int]:
    """Which thing a name means in each setting: 0 for the most common one, then 1, 2..."""
    telling = [i for i, one in enumerate(settings) if one.tells]
    unrelated = _unrelated(form)
    if not _are_compared(settings):
        return [0] * len(settings)

    def score(i: int, j: int) -> float:
        a, b = settings[telling[i]], settings[telling[j]]
        if a.neighbours & b.neighbours or not (a.passage and b.passage):
            return 1.0
        return likeness.of(a.passage, b.passage)

    def apart(i: int, j: int) -> bool:
        a, b = settings[telling[i]], settings[telling[j]]
        if not differ(a.values, b.values) or a.neighbours & b.neighbours:
            return False
        return not likeness.is_close(a.passage, b.passage)  # documents err, and so do models

    n = len(telling)
    scores = {(i, j): score(i, j) for i in range(n) for j in range(i + 1, n)}
    partition = Partition(n)
    for _ in average_linkage(
        partition, scores, lambda i, j: scores[min(i, j), max(i, j)], apart, threshold=unrelated
    ):
        pass
    found = [0] * len(settings)
    ordered = sorted(partition, key=lambda members: (-len(members), members))
    for number, members in enumerate(ordered):
        for i in members:
            found[telling[i]] = number
    return found


def passages(settings: Collection[Setting]) -> list[str]:
    """The passages that `senses` will compare."""
    return [one.passage for one in settings] if _are_compared(settings) else []


def _are_compared(settings: Collection[Setting]) -> bool:
    return 2 <= sum(one.tells for one in settings) <= _MANY


def why_apart(a: Sequence[Setting], b: Sequence[Setting], likeness: "Likeness") -> Match:
    """What tells two things of one name apart."""
    for one, other in product(a, b):
        for key in sorted(one.values.keys() & other.values.keys()):
            if differ({key: one.values[key]}, {key: other.values[key]}):
                return Match(0.3, f"same name, but {key}: {one.values[key]}, {other.values[key]}")
    close = mean(likeness.of(one.passage, other.passage) for one, other in product(a, b))
    return Match(0.4, f"same name, but passages without anything in common ({close:.2f})")


def differ(a: Mapping[str, str], b: Mapping[str, str]) -> bool:
    """Whether a property has two values; "1815" and "1815-12-10" are one, more or less exact."""
    return any(
        not (a[key].startswith(b[key]) or b[key].startswith(a[key])) for key in a.keys() & b.keys()
    )


class Likeness:
    """Cosines of texts; those that are told beforehand are embedded together."""

    def __init__(self, passages: Iterable[str], embed: Embed | None) -> None:
        texts = sorted({passage for passage in passages if passage}) if embed else []
        self._row = {text: i for i, text in enumerate(texts)}
        self._vectors = embed(texts) if embed and texts else np.zeros((0, 0), dtype=np.float32)

    def is_close(self, a: str, b: str) -> bool:
        """Whether two passages are known to speak of one thing."""
        return a in self._row and b in self._row and self.of(a, b) > _RELATED

    def of(self, a: str, b: str) -> float:
        """Cosine of two passages; 1, as if they were one, where nothing is known of them."""
        if a not in self._row or b not in self._row:
            return 1.0
        return float(self._vectors[self._row[a]] @ self._vectors[self._row[b]])


def is_looked_at(form: Form) -> bool:
    """Whether a name is so short that passages around it are worth comparing."""
    return _unrelated(form) > -1.0


def _unrelated(form: Form) -> float:
    if form.acronym and len(form.squeezed) > _AMBIGUOUS:
        return -1.0
    words = sum(1 if _VOWEL.search(word) else len(word) for word in form.core)  # "jrr" is three
    return _UNRELATED.get((form.kind, words), -1.0)


def _passage(name: Name, kind: Kind) -> str:
    """What stands around a name, and nothing if that is too little."""
    before, found, after = name.context.partition(name.text)
    if not found:
        return ""
    before, after = before[-_AROUND:], after[:_AROUND]
    if len((before + after).split()) < _TELLING:
        return ""
    pronoun = "someone" if kind == "person" else "it"
    return " ".join(f"{before}{pronoun}{after.replace(name.text, pronoun)}".split())


def _stated(context: str, text: str, kind: Kind) -> dict[str, str]:
    """What a passage says outright: when a person was born, where a place is."""
    _, found, after = context.partition(text)
    if not found:
        return {}
    if kind == "person":
        born = _LIVED.search(after) or _BORN.search(after[:80])
        return {"born": born[1]} if born else {}
    if kind != "place" or text.casefold() in COUNTRY:
        return {}
    within = next(filter(None, (pattern.search(after) for pattern in _WITHIN)), None)
    return regions(within[1]) if within else {}
