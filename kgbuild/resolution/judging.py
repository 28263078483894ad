"""What people have decided or knew before: names with one label are one thing, with two two."""

from collections.abc import Container, Iterable, Mapping

from kgbuild.resolution.records import MEMORY, Judgement, Key, Known, Name


def labels_of(judgements: Iterable[Judgement], known: Iterable[Known] = ()) -> dict[Key, int]:
    """A number, from 1 on, for each judged or known thing, under all of its names.

    The numbers depend on what holds in the end, not on the way there.
    """
    ordered = sorted(map(sorted, set(things_of(judgements, known).values())))
    return {name: number for number, names in enumerate(ordered, 1) for name in names}


def things_of(
    judgements: Iterable[Judgement], known: Iterable[Known] = ()
) -> dict[Key, frozenset[Key]]:
    """The names of each judged or known thing, under all of them.

    A later judgement overrules an earlier one as far as they disagree.
    """
    thing: dict[Key, frozenset[Key]] = {}
    for keys in (one.keys for one in known):
        thing |= dict.fromkeys(keys, keys)

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
    return thing


def remembered(labels: Mapping[Key, int], here: Container[Key]) -> dict[Name, int]:
    """Judged or known names that no document has now, each thing's in a document of its own.

    They keep what people have decided through documents that are changed, renamed or removed.
    """
    return {
        Name(document if _is_memory(document) else f"{MEMORY}{label:09}", type, text, 0): label
        for (document, type, text), label in labels.items()
        if (document, type, text) not in here
    }


def _is_memory(document_id: str) -> bool:
    return document_id.startswith(MEMORY)
