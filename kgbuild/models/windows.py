"""A tokenised text that is too long for a model → windows, one after the other."""

from collections.abc import Iterator
from itertools import islice

from kgbuild.errors import ModelError
from kgbuild.models.prompt import Words

_ENDS = frozenset(".!?。！？")  # noqa: RUF001  # of a sentence, also in Chinese and Japanese


def cut(text: str, words: Words, room: int) -> Iterator[Words]:
    """Cut a text into windows of at most `room` tokens.

    A window ends with a sentence if one ends in its second half, else with a word. A text that
    fits is one window, and comes back as it is.

    Raises:
        ModelError: There is no room, or not enough for one of the words.
    """
    if len(words.ids) <= room:
        yield words
        return
    begins = token_starts(words)
    start = 0
    while start < len(words.spans):
        end = start
        while end < len(words.spans) and begins[end + 1] - begins[start] <= room:
            end += 1
        if end == start:
            raise ModelError(
                f"with these labels the model has room for {max(room, 0)} tokens of text, the word"
                f" at character {words.spans[start][0]} needs {begins[start + 1] - begins[start]}:"
                " ask for fewer labels at once"
            )
        if end < len(words.spans):
            middle = (start + end) // 2
            ends = [i for i in range(middle, end) if text[slice(*words.spans[i])] in _ENDS]
            end = ends[-1] + 1 if ends else end
        yield part_of(words, start, end)
        start = end


def token_starts(words: Words) -> list[int]:
    """Index of each word's first token, and of the end; one without tokens begins at the next."""
    begins = [len(words.ids)]
    for first in reversed(words.first):
        begins.append(first if first >= 0 else begins[-1])
    return begins[::-1]


def part_of(words: Words, start: int, end: int) -> Words:
    """The words from `start` to before `end`, as a text of their own."""
    tokens = len(words.ids)
    at, to = (
        next((first for first in islice(words.first, i, None) if first >= 0), tokens)
        for i in (start, end)
    )
    return Words(
        words.spans[start:end],
        words.ids[at:to],
        [i - at if i >= 0 else -1 for i in words.first[start:end]],
        [i - at if i >= 0 else -1 for i in words.last[start:end]],
    )
