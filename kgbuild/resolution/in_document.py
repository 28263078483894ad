"""Which names of one document mean one thing: a reader's conventions.

A surname stands for the person named in full, "the Commission" for the only commission. Such short
names stay bound to their document.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from kgbuild.ontology import Ontology
from kgbuild.resolution.kinds import kind_of
from kgbuild.resolution.linking import Link, Linker, Node
from kgbuild.resolution.matching import Match
from kgbuild.resolution.names import Kind, is_description, parse
from kgbuild.resolution.records import MEMORY, Decision, Key, Name


class Customs:
    """What an ontology says about types, remembered: it is asked for every pair of names."""

    def __init__(self, ontology: Ontology) -> None:
        self.compatible = lru_cache(maxsize=None)(ontology.compatible)
        self.depth = lru_cache(maxsize=None)(lambda type: len(ontology.ancestors(type)))
        self._kind: Callable[[str], Kind] = lru_cache(maxsize=None)(
            lambda type: kind_of(type, ontology)
        )

    def node(self, type: str, spelling: str, label: int = 0) -> Node:
        return Node(type, parse(spelling, self._kind(type)), label)

    def describes(self, name: Name) -> bool:
        """Whether a name only describes; a concept ("the heart") may go by such a name."""
        return self._kind(name.type) not in {"other", "any"} and is_description(name.spelling)

    def most_specific(self, names: Iterable[Name]) -> str:
        counts: Counter[str] = Counter()
        for name in names:
            counts[name.type] += name.count
        return min(counts, key=lambda type: (-self.depth(type), -counts[type], type))


@dataclass(frozen=True, slots=True)
class Group:
    """Names that mean one thing in one document.

    Attributes:
        label: Which judged thing it is; 0: people have not decided.
        bound: Short names that mean this only here, with the match that says so.
    """

    document_id: str
    names: tuple[Name, ...]
    type: str
    label: int
    bound: dict[Name, Match]

    @property
    def is_memory(self) -> bool:
        return self.document_id.startswith(MEMORY)

    @property
    def heads(self) -> list[Name]:
        """The names under which other documents may know the thing."""
        # All names of what is remembered were given for this.
        return [name for name in self.names if self.is_memory or name not in self.bound]

    @property
    def known_as(self) -> dict[Key, str]:
        """The heads, and short names that are understood elsewhere, each with its type there."""
        short = {name.key: name.type for name, match in self.bound.items() if match.everywhere}
        return short | {name.key: self.type for name in self.heads}

    @property
    def named(self) -> Iterator[tuple[str, str]]:
        """Type and text of what other documents may meet."""
        return ((type, text) for (_, _, text), type in self.known_as.items())


class DocumentNames:
    """The names of one document, grouped."""

    def __init__(self, names: Sequence[Name], labels: Mapping[Key, int], customs: Customs) -> None:
        self._customs = customs
        self._of_node: dict[Node, list[Name]] = defaultdict(list)
        for name in names:
            node = customs.node(name.type, name.spelling, labels.get(name.key, 0))
            self._of_node[node].append(name)
        self._nodes = sorted(self._of_node, key=order)
        self._linker = Linker(self._nodes, customs.compatible)
        self._alike = list(self._linker.join_alike(dict(self._linker.candidates())))
        self._spelled = [tuple(self._linker.partition.members(i)) for i in range(len(self._nodes))]
        self._linker.join_judged()
        self._short = list(self._linker.join_short(self._linker.hosts(everywhere=False)))

    @property
    def groups(self) -> list[Group]:
        bound = {
            i: link.match
            for link in self._short
            if link.joined and link.right not in self._spelled[link.left]
            for i in self._spelled[link.left]
        }
        return [self._group(members, bound) for members in self._linker.partition]

    @property
    def decisions(self) -> Iterator[Decision]:
        for link in (*self._alike, *self._short):
            left, right = (self._of_node[self._nodes[i]] for i in (link.left, link.right))
            yield decision(link, left, right, left[0].document_id)

    def _group(self, members: Sequence[int], bound: dict[int, Match]) -> Group:
        names = sorted(name for i in members for name in self._of_node[self._nodes[i]])
        matches = {
            name: bound[i] for i in members if i in bound for name in self._of_node[self._nodes[i]]
        }
        if len(matches) == len(names):  # they are short for each other
            matches = {}
        type = self._customs.most_specific(names)
        label = max(self._nodes[i].label for i in members)  # they have no two
        return Group(names[0].document_id, tuple(names), type, label, matches)


def best(names: Iterable[Name]) -> Name:
    """The spelling of most documents, then most mentions, then the longest, then by alphabet."""
    documents: dict[str, set[str]] = defaultdict(set)
    mentions: Counter[str] = Counter()
    first: dict[str, Name] = {}
    for name in names:
        documents[name.spelling].add(name.document_id)
        mentions[name.spelling] += name.count
        first[name.spelling] = min(name, first.get(name.spelling, name))
    return first[min(first, key=lambda s: (-len(documents[s]), -mentions[s], -len(s), s))]


def decision(link: Link, left: list[Name], right: list[Name], document_id: str = "") -> Decision:
    """What was decided on two nodes; in one document, if it depends on nothing else."""
    kind: Literal["merge", "keep apart"] = "merge" if link.joined else "keep apart"
    types = f" as {left[0].type} and {right[0].type}" if left[0].type != right[0].type else ""
    where = f" in {document_id}" if document_id else ""
    score = round(link.match.score, 2)
    reason = f"{link.match.reason}{types}{where}"
    return Decision(kind, best(left), best(right), score, reason, local=bool(document_id))


def order(node: Node) -> tuple[str, tuple[str, ...], bool, bool, int, int]:
    """Nothing else tells two nodes apart."""
    form = node.form
    return node.type, form.words, form.acronym, form.definite, node.label, node.sense
