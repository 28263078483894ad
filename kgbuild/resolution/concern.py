"""What a change concerns: the things whose names might be held against a changed name, and so on.

Resolution compares names that have a key in common. Whatever no chain of such names connects with
a change comes out of it as it was, and need not be resolved anew. What is found here is rather too
much than too little: types are not looked at, nor what documents say.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kgbuild.resolution.linking import is_large, meeting_points
from kgbuild.resolution.matching import alike, short_forms, sought_as
from kgbuild.resolution.names import Form


@dataclass(frozen=True, slots=True)
class Thing:
    """An entity, or what one document speaks of.

    Attributes:
        forms: Of the names by which other documents may know it.
        labels: What people have decided that it is.
    """

    forms: frozenset[Form]
    labels: frozenset[int] = frozenset()


def concerned(things: Sequence[Thing], changed: Iterable[int]) -> set[int]:
    """The positions of the things that these, by their positions, have any influence on."""
    names = _Names({form for thing in things for form in thing.forms})
    of_form: dict[Form, list[int]] = defaultdict(list)
    of_label: dict[int, list[int]] = defaultdict(list)
    for i, thing in enumerate(things):
        for form in thing.forms:
            of_form[form].append(i)
        for label in thing.labels:
            of_label[label].append(i)
    found = set(changed)
    waiting = [*found]
    reached = set[Form]()
    while waiting:
        thing = things[waiting.pop()]
        near = {i for label in thing.labels for i in of_label[label]}
        for form in thing.forms - reached:
            near.update(i for other in names.pop_near(form) for i in of_form[other])
        reached |= thing.forms
        waiting += near - found
        found |= near
    return found


class _Names:
    """Names by the keys under which others may meet them."""

    def __init__(self, forms: Iterable[Form]) -> None:
        self._same: dict[object, list[Form]] = defaultdict(list)
        self._met: dict[str, list[Form]] = defaultdict(list)
        self._short: dict[str, list[Form]] = defaultdict(list)
        self._full: dict[str, list[Form]] = defaultdict(list)
        for form in forms:
            self._same[form.core].append(form)
            for key in meeting_points(form):
                self._met[key].append(form)
            for key in sought_as(form):
                self._short[key].append(form)
            for key in _stands_for(form):
                self._full[key].append(form)

    def pop_near(self, form: Form) -> Iterator[Form]:
        """Those that it is compared with, unless all under that key have been told before."""
        yield from self._same.pop(form.core, ())
        for key in meeting_points(form):
            block = self._met.get(key, ())
            if is_large(block):
                yield from self._met.pop(key)
            else:
                yield from (one for one in block if alike(form, one))
        for key in sought_as(form):
            yield from self._full.pop(key, ())
        for key in _stands_for(form):
            yield from self._short.pop(key, ())


def _stands_for(form: Form) -> Iterator[str]:
    return (key for key, match in short_forms(form).items() if match.everywhere)
