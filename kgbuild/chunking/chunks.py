"""Documents into chunks that fit the model: paragraphs first, then sentences, words, characters.

Neighbouring units (a sentence, or a piece of one that is too long) are packed greedily. A
paragraph starts a new chunk where that keeps it whole and leaves the one before at least half
full. Where a paragraph has to be split, the next chunk repeats the end of the one before, so that
a relation between neighbouring sentences is not lost at the border.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import NamedTuple, TypeVar

from kgbuild.chunking.sentences import sentences, trimmed
from kgbuild.datatypes import Chunk, Document, Span
from kgbuild.errors import DocumentError

Count = Callable[[Sequence[str]], list[int]]
Item = TypeVar("Item")

_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")
_HEADING = re.compile(r"#.*|[^\n]{0,99}[^\n.!?:;,…。！？]")
_PIECE = re.compile(r"\S(?:.{0,78}\S)?(?!\S)|\S{1,80}", re.DOTALL)
_SPACE = re.compile(r"\s")
_LONG = 2_000  # characters of a sentence that is cut before it is counted
_BATCH = 1_024  # strings in one call of `count`


class _Unit(NamedTuple):
    """What is never cut further: a sentence, or a piece of one that is too long."""

    start: int
    end: int
    cost: int
    paragraph: int
    sentence: int


def chunk(document: Document, *, budget: int, count: Count) -> list[Chunk]:
    """Cover all of a document's text with chunks that the model can read in one go.

    Args:
        document: Its text may have any length; the work grows in proportion to it.
        budget: The most tokens a chunk may have.
        count: The number of model tokens of each of many strings. It need not be additive: what
            a chunk costs as a whole is checked, too.

    Returns:
        Chunks in order, each starting and ending later than the one before. Every character that
        is not white space lies in at least one of them.

    Raises:
        DocumentError: a single character takes more tokens than the budget.
    """
    if budget < 1:
        raise ValueError(f"a chunk needs room for at least 1 token, not {budget}")
    text = document.text
    windows = _checked(text, _pack(_units(text, budget, count), budget), budget, count)
    spans = ((window[0].start, window[-1].end) for window in windows)
    return [
        Chunk(document.id, index, start, end, text[start:end])
        for index, (start, end) in enumerate(_outermost(spans))
    ]


def _units(text: str, budget: int, count: Count) -> Iterator[_Unit]:
    for batch in _batches(_pieces(text)):
        yield from _fitting(text, batch, budget, count)


def _fitting(text: str, units: Sequence[_Unit], budget: int, count: Count) -> Iterator[_Unit]:
    """The units with their costs; one that costs too much in pieces that do not."""
    costs = count([text[unit.start : unit.end] for unit in units])
    for unit, cost in zip(units, costs, strict=True):
        if cost <= budget:
            yield unit._replace(cost=cost)
        elif unit.end - unit.start > 1:
            yield from _fitting(text, _split(text, unit), budget, count)
        else:
            at = unit.start
            raise DocumentError(f"the character at {at} alone takes more than {budget} tokens")


def _pieces(text: str) -> Iterator[_Unit]:
    """Sentences, the very long ones in pieces; not yet counted."""
    number = 0
    for paragraph, span in enumerate(_paragraphs(text)):
        for start, end in sentences(text, *span):
            number += 1
            sentence = _Unit(start, end, 0, paragraph, number)
            yield from [sentence] if end - start <= _LONG else _split(text, sentence)


def _paragraphs(text: str) -> Iterator[Span]:
    """What blank lines separate; a heading belongs to the paragraph below it."""
    begin = block = 0
    for gap in _BLANK_LINES.finditer(text):
        if not _HEADING.fullmatch(text, block, gap.start()):
            yield begin, gap.start()
            begin = gap.end()
        block = gap.end()
    yield begin, len(text)


def _split(text: str, unit: _Unit) -> list[_Unit]:
    """At least two pieces: lines' worth of whole words, or halves of what is shorter than that."""
    spans = [piece.span() for piece in _PIECE.finditer(text, unit.start, unit.end)]
    if len(spans) == 1:
        middle = (unit.start + unit.end) // 2
        space = _SPACE.search(text, middle, unit.end)
        middle = space.start() if space else middle
        spans = trimmed(text, unit.start, middle) + trimmed(text, middle, unit.end)
    return [unit._replace(start=start, end=end) for start, end in spans]


def _pack(units: Iterable[_Unit], budget: int) -> Iterator[list[_Unit]]:
    window: list[_Unit] = []
    size = 0
    for _, group in groupby(units, key=lambda unit: unit.paragraph):
        paragraph = list(group)
        if size >= budget / 2 and size + _cost(paragraph) > budget >= _cost(paragraph):
            yield window
            window, size = [], 0
        for unit in paragraph:
            if window and size + unit.cost > budget:
                yield window
                window = _overlap(window, unit, budget)
                size = _cost(window)
            window.append(unit)
            size += unit.cost
    if window:
        yield window


def _overlap(window: list[_Unit], unit: _Unit, budget: int) -> list[_Unit]:
    """What the chunk that starts with `unit` repeats of `window`: its last sentence, or words.

    At most a quarter of the budget, and never so much that `unit` would not fit.
    """
    last = window[-1]
    room = min(budget // 4, budget - unit.cost)
    tail: list[_Unit] = []
    for previous in reversed(window):
        room -= previous.cost
        if room < 0 or previous.sentence != last.sentence or last.paragraph != unit.paragraph:
            break
        tail.append(previous)
    return tail[::-1]


def _checked(
    text: str, windows: Iterable[list[_Unit]], budget: int, count: Count
) -> Iterator[list[_Unit]]:
    """Halve the windows that cost more as a whole than the sum of their units promised."""
    for batch in _batches(windows):
        costs = count([text[window[0].start : window[-1].end] for window in batch])
        for window, cost in zip(batch, costs, strict=True):
            if cost <= budget or len(window) == 1:
                yield window
            else:
                middle = len(window) // 2
                halves = (window[:middle], window[middle:])
                yield from _checked(text, halves, budget, count)


def _outermost(spans: Iterable[Span]) -> Iterator[Span]:
    """In order, without what lies within another: half a chunk may be all that the next repeats."""
    reached = 0
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if end > reached:
            yield start, end
            reached = end


def _cost(units: Iterable[_Unit]) -> int:
    return sum(unit.cost for unit in units)


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
