"""Words that stand for a value → a typed value: "1 October 1843" → 1843-10-01.

Only what can be read in one way is normalised. "05/03/1917" or "the nineties" stay as text, and
so do quantities with a unit, which a bare number would lose.
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation

from kgbuild.datatypes import Literal

_MONTHS = {
    name: number
    for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)
}
_MONTH = r"(?P<month>(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_DATES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<year>\d{4})-(?P<number>\d{2})-(?P<day>\d{2})(?:T.*)?",
        r"(?P<year>\d{4})-(?P<number>\d{2})",
        rf"{_DAY}\s+(?:of\s+)?{_MONTH},?\s+{_YEAR}",
        rf"{_MONTH}\s+{_DAY},?\s+{_YEAR}",
        rf"{_MONTH},?\s+(?:of\s+)?{_YEAR}",
        rf"(?:in\s+)?{_YEAR}",
    )
]
_NUMBER = re.compile(
    r"(?P<digits>[+-]?(?:\d{1,3}(?:[,\u00a0\u202f ]\d{3})+|\d+)(?:\.\d+)?)"
    r"(?:\s*(?P<scale>thousand|million|billion|trillion))?",
    re.IGNORECASE,
)
_SCALES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_WORDS = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()
    )
}


def literal(text: str, kind: str) -> Literal:
    """Normalise the words of a literal mention.

    Args:
        text: As it stands in the document.
        kind: What the ontology says the type is: `date`, `number` or `text`.

    Returns:
        The value with its XSD type, or the words themselves as a string.
    """
    words = " ".join(text.split())
    return _READERS.get(kind, _as_text)(words) or _as_text(words)


def _as_text(text: str) -> Literal:
    return Literal(text, "string")


def _as_date(text: str) -> Literal | None:
    for pattern in _DATES:
        if match := pattern.fullmatch(text):
            return _build_date(match.groupdict())
    return None


def _build_date(parts: dict[str, str | None]) -> Literal | None:
    year = int(parts["year"] or 0)
    month = int(parts.get("number") or _MONTHS[(parts.get("month") or "jan")[:3].lower()])
    dated = bool(parts.get("number") or parts.get("month"))
    day = int(parts.get("day") or 1)
    try:
        value = date(year, month, day)
    except ValueError:
        return None
    if parts.get("day"):
        return Literal(value.isoformat(), "date")
    return (
        Literal(f"{year:04}-{month:02}", "gYearMonth") if dated else Literal(f"{year:04}", "gYear")
    )


def _as_number(text: str) -> Literal | None:
    if text.lower() in _WORDS:
        return Literal(str(_WORDS[text.lower()]), "integer")
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    try:
        value = Decimal(re.sub(r"[,\s]", "", match["digits"]))
    except InvalidOperation:
        return None
    value = value.scaleb(_SCALES.get((match["scale"] or "").lower(), 0))
    if value == value.to_integral_value():
        return Literal(str(int(value)), "integer")
    return Literal(f"{value.normalize():f}", "decimal")


_READERS: dict[str, Callable[[str], Literal | None]] = {"date": _as_date, "number": _as_number}
