"""Which entities a question names."""

import re
from collections.abc import Callable, Iterable, Iterator

from kgbuild.datatypes import Entity

_LONGEST = 8  # words of a name


def named_in(question: str, lookup: Callable[[str], Iterable[Entity]]) -> Iterator[Entity]:
    """At each place the entities of the longest name there, looked up by name or alias."""
    words = [match.span() for match in re.finditer(r"\w+", question)]
    at = 0
    while at < len(words):
        for end in range(min(at + _LONGEST, len(words)), at, -1):
            found = list(lookup(question[words[at][0] : words[end - 1][1]]))
            if found:
                yield from found
                at = end
                break
        else:
            at += 1
