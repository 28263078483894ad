"""Resolving again after a change: only what the change concerns, with the outcome of all anew."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from kgbuild.ontology import Ontology
from kgbuild.resolution.across import scale_of
from kgbuild.resolution.concern import Thing, concerned
from kgbuild.resolution.in_document import Group
from kgbuild.resolution.law import Law
from kgbuild.resolution.records import (
    Cluster,
    Decision,
    Embed,
    Judgement,
    Key,
    Known,
    Name,
    Resolution,
)


@dataclass(frozen=True, slots=True)
class Changes:
    """What has happened since names were resolved.

    Attributes:
        clusters: As they came out then.
        decisions: As well; of the names in them only the keys count.
        names: Of documents that are new or have been replaced.
        gone: Documents that are no longer there, or not as they were.
        judged: Names that, by what people have decided since or took back, mean another thing.
        read: The names of documents, by their ids; those that are there.
    """

    clusters: Sequence[Cluster]
    decisions: Sequence[Decision]
    names: Sequence[Name]
    gone: Collection[str]
    judged: Collection[Key]
    read: Callable[[Collection[str]], Iterable[Name]]


def renew(
    changes: Changes,
    ontology: Ontology,
    *,
    embed: Embed | None = None,
    judgements: Iterable[Judgement] = (),
    known: Sequence[Known] = (),
) -> Resolution | None:
    """What `resolve` makes of all names, by resolving those that the changes concern.

    The ontology and what was known must be those of the earlier resolution; the other arguments are
    as in `resolve`.

    Returns:
        None if there are so many or so few names by now that all must be resolved.
    """
    law = Law(ontology, judgements, known)
    stale = {*changes.gone, *(name.document_id for name in changes.names)}
    reread = {document for document, _, _ in changes.judged} - stale
    stale |= reread
    read = law.read([*changes.names, *changes.read(reread)])
    remembered = law.remember(_present(changes, stale) | {name.key for name in read.names})

    things = [_of_cluster(cluster, law) for cluster in changes.clusters]
    changed = [i for i, one in enumerate(changes.clusters) if not stale.isdisjoint(_documents(one))]
    things += [_of_group(group, law) for group in remembered]
    untouched = len(things)
    things += [_of_group(group, law) for group in read.groups]
    changed += range(untouched, len(things))
    # What was remembered before and is not now had names, too, of whichever kind.
    labels = frozenset[int]().union(*(things[i].labels for i in changed))
    judged = {key for key, label in law.labels.items() if label in labels}.union(changes.judged)
    changed += range(len(things), len(things) + len(judged))
    things += [Thing(law.any_forms(text)) for _, _, text in judged]
    found = concerned(things, changed)

    anew = {name.key for i, c in enumerate(changes.clusters) if i in found for name in c.names}
    again = law.read(changes.read({document for document, _, _ in anew} - stale))
    groups = [
        *(group for i, group in enumerate(remembered, len(changes.clusters)) if i in found),
        *read.groups,
        *(group for group in again.groups if any(name.key in anew for name in group.names)),
    ]
    kept = [(c, things[i]) for i, c in enumerate(changes.clusters) if i not in found]
    now = law.forms(chain.from_iterable(group.named for group in groups if not group.is_memory))
    scale = scale_of(chain(now, *(thing.forms for _, thing in kept)))
    if scale != scale_of(chain.from_iterable(one.forms for one in things[: len(changes.clusters)])):
        return None
    resolution = law.join(groups, read.decisions, embed, scale)
    clusters = chain((cluster for cluster, _ in kept), resolution.clusters)
    still = _still_made(changes.decisions, stale, anew)
    return Resolution.of(clusters, chain(still, resolution.decisions))


def _still_made(
    decisions: Iterable[Decision], stale: Collection[str], anew: Collection[Key]
) -> Iterator[Decision]:
    """Those on names of documents that are as they were, and on clusters that are left alone."""
    for one in decisions:
        if one.left.document_id not in stale if one.local else one.left.key not in anew:
            yield one


def _present(changes: Changes, stale: Collection[str]) -> set[Key]:
    """The names that hold as they did."""
    every = chain.from_iterable(cluster.names for cluster in changes.clusters)
    return {name.key for name in every if name.document_id not in stale}


def _documents(cluster: Cluster) -> Iterator[str]:
    return (name.document_id for name in cluster.names)


def _of_cluster(cluster: Cluster, law: Law) -> Thing:
    named = zip(cluster.known_as, cluster.names, strict=True)
    labels = (law.labels.get(name.key) for name in cluster.names)
    forms = law.forms((type, name.text) for type, name in named if type)
    return Thing(forms, frozenset(filter(None, labels)))


def _of_group(group: Group, law: Law) -> Thing:
    return Thing(law.forms(group.named), frozenset({group.label} - {0}))
