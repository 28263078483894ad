"""Which words of a document to show as the evidence of a relation."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from kgbuild.datatypes import Chunk, Relation, Span

LONGEST_QUOTE = 1_000  # characters


def quote_span(sentences: Sequence[Span], relation: Relation) -> Span:
    """From the start of the sentence of the first end to the end of the sentence of the last.

    Where that is long, from the first end to the last and no further.
    """
    start, end = _reach(relation)
    first = bisect_right(sentences, start, key=lambda span: span[0]) - 1
    last = bisect_left(sentences, end, key=lambda span: span[1])
    wide_start = sentences[first][0] if first >= 0 else start
    wide_end = sentences[last][1] if last < len(sentences) else end
    return (start, end) if wide_end - wide_start > LONGEST_QUOTE else (wide_start, wide_end)


def chunk_index(chunks: Sequence[Chunk], relation: Relation) -> int:
    """The first chunk that holds both ends; failing that, the first that holds the first end."""
    start, end = _reach(relation)
    holding = [chunk for chunk in chunks if chunk.start <= start < chunk.end]
    both = (chunk.index for chunk in holding if end <= chunk.end)
    return next(both, holding[0].index if holding else 0)


def _reach(relation: Relation) -> Span:
    head, tail = relation.head, relation.tail
    return min(head.start, tail.start), max(head.end, tail.end)
