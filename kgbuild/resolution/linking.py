"""Which of many names mean one thing: the same steps for one document and for all of them."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations, product, starmap

from kgbuild.resolution.clustering import Pair, Partition, average_linkage
from kgbuild.resolution.matching import (
    Match,
    alike,
    conflict,
    neighbourhoods,
    short_forms,
    sought_as,
    spellings,
)
from kgbuild.resolution.names import Form

THRESHOLD = 0.5  # average score of the pairs between two clusters that become one

_TOLD = 5  # full names told of a short name that could mean several
_BLOCK = 50  # in a larger block a name meets its neighbours in alphabetical order only


@dataclass(frozen=True, slots=True)
class Node:
    """A name as one type: what is compared, whatever the number of its mentions.

    Attributes:
        label: Which judged thing it names; 0: people have not decided.
        sense: Which of the things of this name it names; 0: the most common.
    """

    type: str
    form: Form
    label: int = 0
    sense: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """A decision on two nodes; where one shortens the other, the second is the fuller name."""

    left: int
    right: int
    match: Match
    joined: bool


Rule = Callable[[int, int], bool]


class Linker:
    """Groups nodes: first names that are alike, then short names with the full name they mean.

    Nodes of different labels are never joined; those of one label are, by `join_judged`.

    Args:
        nodes: Sorted, so that the outcome does not depend on the order of the input.
        compatible: Whether one thing can be of both types.
        told_apart: Whether something beyond the names says that two nodes are two things.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        compatible: Callable[[str, str], bool],
        told_apart: Rule = lambda i, j: False,
    ) -> None:
        self._nodes = nodes
        self._compatible = compatible
        self._told_apart = told_apart
        self.partition = Partition(len(nodes))
        self._judged: dict[int, list[int]] = defaultdict(list)
        for i, node in enumerate(nodes):
            if node.label:
                self._judged[node.label].append(i)

    def candidates(self) -> Iterator[tuple[Pair, Match]]:
        """Pairs of nodes that share a key and are alike, each once."""
        blocks = defaultdict(list)
        for i, node in enumerate(self._nodes):
            for key in meeting_points(node.form):
                blocks[key].append(i)
        for pair in self._pairs(blocks.values()):
            if match := self.match(*pair):
                yield pair, match

    def _pairs(self, blocks: Iterable[list[int]]) -> set[Pair]:
        """All pairs of a small block; in a large one each member with those that follow it."""
        pairs: set[Pair] = set()
        for block in blocks:
            if not is_large({self._nodes[i].form for i in block}):
                pairs.update(combinations(block, 2))
            else:
                for start in range(1, 5):
                    pairs.update(zip(block, block[start:], strict=False))
        return pairs

    def match(self, i: int, j: int) -> Match | None:
        """Why two nodes are alike, if they are."""
        a, b = self._nodes[i], self._nodes[j]
        return alike(a.form, b.form) if self._may_be_one(a, b) else None

    def join_judged(self) -> None:
        """What people have decided to be one thing."""
        for first, *others in self._judged.values():
            for other in others:
                self.partition.join(first, other)

    def join_alike(self, candidates: Mapping[Pair, Match]) -> Iterator[Link]:
        """Average linkage over the candidates; a judged thing is as like as its likest name."""

        def alikeness(i: int, j: int) -> float:
            match = candidates.get((min(i, j), max(i, j))) or self.match(i, j)
            return match.score if match else 0.0

        def score(i: int, j: int) -> float:
            return max(starmap(alikeness, product(self._namesakes(i), self._namesakes(j))))

        scores = {pair: match.score for pair, match in candidates.items()}
        for (i, j), joined in average_linkage(
            self.partition, scores, score, self.apart, threshold=THRESHOLD
        ):
            yield Link(i, j, candidates[i, j], joined=joined)

    def join_short(self, hosts: Mapping[int, Mapping[int, Match]]) -> Iterator[Link]:
        """Put each short name to the full name it can mean, unless it could mean several.

        The longest go first: "Ada" then meets "Ada Lovelace" and "Ada King Lovelace" as one.
        """
        find = self.partition.find
        for i in sorted(hosts, key=lambda i: (-len(self._nodes[i].form.squeezed), i)):
            judged = [j for j in sorted(hosts[i]) if self._are_judged_one(i, j)]
            fulls = [j for j in sorted(hosts[i]) if find(j) != find(i)]
            if judged:
                yield Link(i, judged[0], hosts[i][judged[0]], joined=True)
            if judged or not fulls:
                continue
            if len({find(j) for j in fulls}) == 1 and not self._told_otherwise(i, fulls):
                self.partition.join(i, fulls[0])
                yield Link(i, fulls[0], hosts[i][fulls[0]], joined=True)
            else:
                share = 1 / len({find(j) for j in fulls})
                for j in fulls[:_TOLD]:
                    match = replace(hosts[i][j], score=hosts[i][j].score * share)
                    yield Link(i, j, match, joined=False)

    def hosts(self, *, everywhere: bool) -> dict[int, dict[int, Match]]:
        """For each short name the full names it can mean: in one document, or everywhere."""
        full: dict[str, dict[int, Match]] = defaultdict(dict)
        for j, node in enumerate(self._nodes):
            for key, match in short_forms(node.form).items():
                if match.everywhere or not everywhere:
                    full[key][j] = match
        found = {i: self._found(i, full) for i in range(len(self._nodes))}
        return {i: matches for i, matches in found.items() if matches}

    def apart(self, i: int, j: int) -> bool:
        """Whether two nodes may never be in one group."""
        return self._excluded(i, j) or self._told_apart(i, j)

    def _excluded(self, i: int, j: int) -> bool:
        a, b = self._nodes[i], self._nodes[j]
        return not self._may_be_one(a, b) or conflict(a.form, b.form)

    def _may_be_one(self, a: Node, b: Node) -> bool:
        judged_two = a.label and b.label and a.label != b.label
        return not judged_two and self._compatible(a.type, b.type)

    def _are_judged_one(self, i: int, j: int) -> bool:
        return self._nodes[i].label == self._nodes[j].label != 0

    def _namesakes(self, i: int) -> list[int]:
        """The nodes of the judged thing that this is one of; else only itself."""
        return self._judged.get(self._nodes[i].label) or [i]

    def _told_otherwise(self, short: int, fulls: Sequence[int]) -> bool:
        """Whether the groups of a short name and its full names must stay apart.

        That a document has both without saying that they are one does not say the opposite.
        """
        pairs = product(self.partition.members(short), self.partition.members(fulls[0]))
        return any(
            self._excluded(i, j) or (j not in fulls and self._told_apart(i, j)) for i, j in pairs
        )

    def _found(self, i: int, full: Mapping[str, Mapping[int, Match]]) -> dict[int, Match]:
        return {
            j: match
            for key in sought_as(self._nodes[i].form)
            for j, match in full.get(key, {}).items()
            if i != j and not self._excluded(i, j)
        }


def meeting_points(form: Form) -> Iterator[str]:
    """Keys of the blocks in which a name meets those that may be alike."""
    return chain(spellings(form), neighbourhoods(form))


def is_large(block: Collection[Form]) -> bool:
    """Whether the names in a block are too many to be compared each with each."""
    return len(block) > _BLOCK
