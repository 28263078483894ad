"""Where sentences end: rules for running text, lists, headings and hard-wrapped lines.

A stop that may belong to an abbreviation ends a sentence only if the next word often opens one,
because two sentences read as one cost less than a name cut in two ("Acme Inc. Ltd.", "J. Smith").
"""

import re

from kgbuild.datatypes import Span

_STOP = re.compile(r"[.!?…。！？]++[\"'”’»)\]」』]*+|\n")
_FULL_WIDTH = frozenset("。！？」』")
_NEXT_WORD = re.compile(r"\s*+[\"'“‘«(\[¿¡]*+(\w*+)")
_FIRST_TOKEN = re.compile(r"[^\S\n]*+(\S*+)")
_MARKED_LINE = re.compile(r"[^\S\n]*+(?:$|\n|[-*+•–‣◦▪]\s|\d{1,3}[.)]\s|#{1,6}\s|[|>])")
_LIST_NUMBER = re.compile(r"\s*\d{1,3}")
_ACRONYM = re.compile(r"(?:\w\.)*\w")  # U.S, J, p.m: initials too
_LOOK_BACK = 24  # characters: longer than any abbreviation below
_RAGGED = 1.3  # how much lines of one paragraph may differ in a proportional font

# Always followed by what they belong to.
_TITLES = frozenset(
    "mr mrs ms mx dr drs dra sra prof profs st ste sta rev fr hon pres gov sen rep gen col maj capt"
    " cpt lt sgt cmdr adm msgr mme mlle herr frl messrs dipl ing vs cf viz e.g i.e z.b d.h".split()
)
_BEFORE_NUMBERS = frozenset(
    "no nos nr cat ref refs ep fig figs tab vol vols p pp ch chap sec sect art eq eqs para"
    " approx ca op".split()
)
_MAYBE = frozenset(
    "inc ltd pvt co corp llc plc bros cie gmbh ag jr sr esq etc al phd ph.d dept univ assn est"
    " ave blvd rd mt ft ed eds repr trans jan feb mar apr jun jul aug sep sept oct nov dec".split()
)
_OPENERS = frozenset(
    "the this that these those there here it he she we they his her its their our my your"
    " in on at for from with by to of as after before when while since during until under if"
    " although though because however but and or so yet then thus also both each some many most"
    " all one what who how why where which according today now later".split()
)


def sentences(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    """The sentences of `text[start:end]`, as offsets into `text`, without the white space around.

    Every character that is not white space lies in exactly one. Takes time in proportion to the
    length, whatever the text.
    """
    end = len(text) if end is None else end
    spans: list[Span] = []
    begin = line = start
    for stop in _STOP.finditer(text, start, end):
        if text[stop.start()] == "\n":
            ends = _line_ends(text, line, stop.start(), end)
            line = stop.end()
        else:
            ends = _stop_ends(text, begin, stop, end)
        if ends:
            spans += trimmed(text, begin, stop.end())
            begin = stop.end()
    return spans + trimmed(text, begin, end)


def trimmed(text: str, start: int, end: int) -> list[Span]:
    """The span without the white space at its ends; nothing if that is all there is."""
    part = text[start:end]
    inner = part.strip()
    if not inner:
        return []
    first = start + len(part) - len(part.lstrip())
    return [(first, first + len(inner))]


def _stop_ends(text: str, begin: int, stop: re.Match[str], end: int) -> bool:
    """Whether a full stop, question mark or the like ends the sentence that began at `begin`."""
    if stop.end() == end or text[stop.end() - 1] in _FULL_WIDTH:
        return True
    if not text[stop.end()].isspace():
        return False
    word = _peek(_NEXT_WORD, text, stop.end(), end)
    if word[:1].islower():
        return False
    return stop.group()[0] != "." or _dot_ends(text, begin, stop.start(), word)


def _dot_ends(text: str, begin: int, dot: int, next_word: str) -> bool:
    """Whether the dot, followed by `next_word`, is more than part of what stands before it."""
    if _LIST_NUMBER.fullmatch(text, max(begin, dot - _LOOK_BACK), dot):
        return False
    before = text[max(begin, dot - _LOOK_BACK) : dot].split()
    word = before[-1].lstrip("\"'“‘«([") if before else ""
    key = word.lower()
    if key in _TITLES:
        return False
    if key in _BEFORE_NUMBERS and next_word[:1].isdigit():
        return False
    if key in _MAYBE or (_ACRONYM.fullmatch(word) and not word.isdigit()):
        return next_word.lower() in _OPENERS
    return True


def _line_ends(text: str, line: int, newline: int, end: int) -> bool:
    """Whether the line that began at `line` was ended on purpose, not for lack of room."""
    after = newline + 1
    if _MARKED_LINE.match(text, after, end) or text[line] == "#" or text[newline - 1] == ":":
        return True
    if _peek(_NEXT_WORD, text, after, end)[:1].islower():
        return False
    needed = newline - line + 1 + len(_peek(_FIRST_TOKEN, text, after, end))
    next_end = text.find("\n", after, end)
    return needed * _RAGGED < (end if next_end < 0 else next_end) - after


def _peek(pattern: re.Pattern[str], text: str, start: int, end: int) -> str:
    """What the pattern's group holds there, within a short distance."""
    match = pattern.match(text, start, min(end, start + 200))
    return match[1] if match else ""
