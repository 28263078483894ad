"""What stands above names: what the ontology says of their types, and people of the names.

Names that people called one thing carry one label, and nothing joins two labels.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import get_args

from kgbuild.ontology import Ontology
from kgbuild.resolution.across import Corpus
from kgbuild.resolution.in_document import Customs, DocumentNames, Group, best
from kgbuild.resolution.judging import labels_of, remembered
from kgbuild.resolution.names import Form, Kind, is_pronoun, parse
from kgbuild.resolution.records import (
    MEMORY,
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
class Read:
    """What documents speak of, each by itself.

    Attributes:
        names: Those that name anything.
        decisions: On names of one document, and on those that name nothing.
    """

    names: list[Name]
    groups: list[Group]
    decisions: list[Decision]


class Law:
    """By what names are judged, in one document and across all.

    Attributes:
        labels: The number of the thing that people have decided a name means.
    """

    def __init__(
        self, ontology: Ontology, judgements: Iterable[Judgement], known: Sequence[Known]
    ) -> None:
        self.labels = labels_of(judgements, known)
        self._ontology = ontology
        self._customs = Customs(ontology)
        self._first = {label: key for key, label in sorted(self.labels.items(), reverse=True)}
        self._known = {self.labels[key]: one for one in reversed(known) for key in one.keys}

    def read(self, names: Iterable[Name]) -> Read:
        """What documents speak of; all names of a document must be there."""
        kept, left_out = _nameable(names)
        groups: list[Group] = []
        decisions: list[Decision] = []
        for document in self._documents(kept, self.labels):
            decisions += document.decisions
            for group in document.groups:
                if not group.label and all(map(self._customs.describes, group.names)):
                    left_out += group.names
                else:
                    groups.append(group)
        decisions += (
            Decision("leave out", name, None, 1.0, "names nothing", local=True) for name in left_out
        )
        return Read(kept, groups, decisions)

    def remember(self, here: Container[Key]) -> list[Group]:
        """What was judged or known, by those of its names that no document has now."""
        labels = {
            name: label
            for name, label in remembered(self.labels, here).items()
            if name.type in self._ontology.entities
        }
        of_key = {name.key: label for name, label in labels.items()}
        return [group for one in self._documents(sorted(labels), of_key) for group in one.groups]

    def join(
        self,
        groups: Iterable[Group],
        decisions: Iterable[Decision],
        embed: Embed | None,
        scale: int,
    ) -> Resolution:
        """What the things of all documents come to, with what was decided on the way."""
        ordered = sorted(groups, key=lambda group: group.document_id)
        corpus = Corpus(ordered, self._customs, embed, scale)
        clusters = filter(None, map(self._cluster, corpus.clusters))
        everywhere = (one for one in corpus.decisions if not _is_memory(one))
        return Resolution.of(clusters, chain(decisions, everywhere))

    def forms(self, named: Iterable[tuple[str, str]]) -> frozenset[Form]:
        """Of texts, each as a name of a type."""
        return frozenset(
            self._customs.node(type, " ".join(text.split())).form
            for type, text in named
            if type in self._ontology.entities
        )

    def any_forms(self, text: str) -> frozenset[Form]:
        """Of a text, whatever its type."""
        return frozenset(parse(" ".join(text.split()), kind) for kind in get_args(Kind))

    def _documents(
        self, names: Iterable[Name], labels: Mapping[Key, int]
    ) -> Iterator[DocumentNames]:
        for _, of_document in groupby(names, key=lambda name: name.document_id):
            yield DocumentNames(list(of_document), labels, self._customs)

    def _cluster(self, groups: Sequence[Group]) -> Cluster | None:
        """The cluster of some groups; None if no document has any of its names now."""
        present = [group for group in groups if not group.is_memory]
        if not present:
            return None
        names = sorted(name for group in present for name in group.names)
        label = max(group.label for group in groups)
        one = self._known.get(label)
        name = one.names[0] if one else best(name for g in present for name in g.heads).spelling
        aliases = {other.spelling for other in names} - {name}
        typed = names if not one else [Name("", one.type, name), *names]
        known_as = {key: type for group in present for key, type in group.known_as.items()}
        return Cluster(
            tuple(names),
            name,
            self._customs.most_specific(typed),
            tuple(sorted(aliases)),
            tuple(known_as.get(one.key, "") for one in names),
            one.id if one else "",
            self._first.get(label),
        )


def _nameable(names: Iterable[Name]) -> tuple[list[Name], list[Name]]:
    """Sorted and each once, with those that name nothing apart."""
    unique: dict[Key, Name] = {}
    for name in names:
        other = unique.get(name.key)
        unique[name.key] = _together(name, other) if other else name
    kept, left_out = list[Name](), list[Name]()
    for name in sorted(unique.values()):
        (left_out if is_pronoun(name.spelling) else kept).append(name)
    return kept, left_out


def _together(a: Name, b: Name) -> Name:
    """What is known of one name in one document; of two passages the first by alphabet."""
    return Name(
        *a.key,
        a.count + b.count,
        min(filter(None, (a.context, b.context)), default=""),
        a.neighbours | b.neighbours,
        a.values | b.values,
    )


def _is_memory(decision: Decision) -> bool:
    names = (name for name in (decision.left, decision.right) if name)
    return any(name.document_id.startswith(MEMORY) for name in names)
