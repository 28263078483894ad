"""What people have decided, replayed: names with one label are one thing, with two labels two."""

from collections.abc import Iterable, Mapping

from kgbuild.resolution.records import Judgement, Key, Name


def labels_of(judgements: Iterable[Judgement]) -> dict[Key, int]:
    """A number, from 1 on, for each judged thing, under all of its names.

    A later judgement overrules an earlier one as far as they disagree. The numbers depend on what
    holds in the end, not on the way there.
    """
    thing: dict[Key, frozenset[Key]] = {}

    def grown(names: frozenset[Key]) -> frozenset[Key]:
        return names.union(*(thing.get(name, ()) for name in names))

    for judgement in sorted(judgements, key=lambda judgement: judgement.number):
        if judgement.same:
            parts = [grown(judgement.left | judgement.right)]
        else:
            rest = grown(judgement.right) - judgement.left
            parts = [grown(judgement.left) - rest, rest]
        for part in parts:
            thing |= dict.fromkeys(part, part)
    ordered = sorted(map(sorted, set(thing.values())))
    return {name: number for number, names in enumerate(ordered, 1) for name in names}


def remembered(labels: Mapping[Key, int], names: Iterable[Name]) -> dict[Name, int]:
    """Judged names that no document has now, each thing's in a document of its own.

    They keep what people have decided through documents that are changed, renamed or removed.
    """
    here = {name.key for name in names}
    return {
        Name(f"{MEMORY}{label:09}", type, text, 0): label
        for (document, type, text), label in labels.items()
        if (document, type, text) not in here
    }


MEMORY = "\0"  # how the documents that stand for memory begin; no other does
