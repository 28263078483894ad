"""From names to entities: which names, in one document and across all, mean one thing.

Within a document a reader's conventions hold: a surname stands for the person named in full, "the
Commission" for the only commission. Such short names stay bound to their document. Across documents
only full names are compared, and what one document tells apart stays apart in the graph.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from itertools import combinations, groupby
from typing import Literal

import numpy as np
import numpy.typing as npt

from kgbuild.ontology import Ontology
from kgbuild.resolution.clustering import Pair
from kgbuild.resolution.kinds import kind_of
from kgbuild.resolution.linking import Link, Linker, Node
from kgbuild.resolution.matching import Match
from kgbuild.resolution.names import Form, Kind, is_description, is_pronoun, parse

Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]

_CLOSE = 0.72  # cosine of two spellings of one name, at least
_SURE = 0.9  # a match this good needs no second opinion
_FEW = 5  # full names that an acronym may have without being hopelessly ambiguous
_GIVEN = Match(0.95, "short for it in another document")
_TOGETHER = Match(1.0, "one thing in a document")


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """A text that a document uses for a thing of a type, and how often it does."""

    document_id: str
    type: str
    text: str
    count: int = 1

    @property
    def spelling(self) -> str:
        """The text in one line: documents wrap names over two."""
        return " ".join(self.text.split())


@dataclass(frozen=True, slots=True)
class Cluster:
    """The names of one entity.

    Attributes:
        names: Sorted.
        name: The canonical spelling.
        type: The most specific among the types of the names.
        aliases: The other spellings, sorted.
    """

    names: tuple[Name, ...]
    name: str
    type: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided on two names, and why; of a name that is left out, `right` is empty."""

    kind: Literal["merge", "keep apart", "leave out"]
    left: str
    right: str
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """Every name is in one cluster or left out.

    Attributes:
        left_out: Pronouns, texts without any letter, and descriptions ("the company") of what
            their document does not name.
    """

    clusters: tuple[Cluster, ...]
    decisions: tuple[Decision, ...]
    left_out: tuple[Name, ...]


def resolve(names: Iterable[Name], ontology: Ontology, *, embed: Embed | None = None) -> Resolution:
    """Cluster names; pure, and independent of the order of the names.

    `embed` turns texts into unit vectors. Without it, what is likely but not sure from the names
    alone is not merged across documents.
    """
    customs = _Customs(ontology)
    kept, left_out = _nameable(names)
    groups: list[_Group] = []
    decisions: list[Decision] = []
    for _, of_document in groupby(kept, key=lambda name: name.document_id):
        document = _Document(list(of_document), customs)
        decisions += document.decisions
        for group in document.groups:
            if all(map(customs.describes, group.names)):
                left_out += group.names
            else:
                groups.append(group)
    corpus = _Corpus(groups, customs, embed)
    decisions += corpus.decisions
    decisions += (Decision("leave out", n.spelling, "", 1.0, "names nothing") for n in left_out)
    clusters = sorted((_cluster(c, customs) for c in corpus.clusters), key=lambda c: c.names)
    unique = sorted(set(decisions), key=astuple)
    return Resolution(tuple(clusters), tuple(unique), tuple(sorted(left_out)))


def _nameable(names: Iterable[Name]) -> tuple[list[Name], list[Name]]:
    """Sorted and each once, with those that name nothing apart."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for name in names:
        counts[name.document_id, name.type, name.text] += name.count
    unique = sorted(Name(*key, count) for key, count in counts.items())
    kept, left_out = list[Name](), list[Name]()
    for name in unique:
        (left_out if is_pronoun(name.spelling) else kept).append(name)
    return kept, left_out


class _Customs:
    """What an ontology says about types, remembered: it is asked for every pair of names."""

    def __init__(self, ontology: Ontology) -> None:
        self.compatible = lru_cache(maxsize=None)(ontology.compatible)
        self.depth = lru_cache(maxsize=None)(lambda type: len(ontology.ancestors(type)))
        self._kind: Callable[[str], Kind] = lru_cache(maxsize=None)(
            lambda type: kind_of(type, ontology)
        )

    def node(self, type: str, spelling: str) -> Node:
        return Node(type, parse(spelling, self._kind(type)))

    def describes(self, name: Name) -> bool:
        """Whether a name only describes; a concept ("the heart") may go by such a name."""
        return self._kind(name.type) != "other" and is_description(name.spelling)

    def most_specific(self, names: Iterable[Name]) -> str:
        counts: Counter[str] = Counter()
        for name in names:
            counts[name.type] += name.count
        return min(counts, key=lambda type: (-self.depth(type), -counts[type], type))


@dataclass(frozen=True, slots=True)
class _Group:
    """Names that mean one thing in one document.

    Attributes:
        bound: Short names that mean this only here, with the match that says so.
    """

    document_id: str
    names: tuple[Name, ...]
    type: str
    bound: dict[Name, Match]

    @property
    def heads(self) -> list[Name]:
        """The names under which other documents may know the thing."""
        return [name for name in self.names if name not in self.bound]


class _Document:
    """The names of one document, grouped."""

    def __init__(self, names: Sequence[Name], customs: _Customs) -> None:
        self._customs = customs
        self._of_node: dict[Node, list[Name]] = defaultdict(list)
        for name in names:
            self._of_node[customs.node(name.type, name.spelling)].append(name)
        self._nodes = sorted(self._of_node, key=_order)
        self._linker = Linker(self._nodes, customs.compatible)
        self._alike = list(self._linker.join_alike(dict(self._linker.candidates())))
        self._spelled = [tuple(self._linker.partition.members(i)) for i in range(len(self._nodes))]
        self._short = list(self._linker.join_short(self._linker.hosts(everywhere=False)))

    @property
    def groups(self) -> list[_Group]:
        bound = {
            i: link.match for link in self._short if link.joined for i in self._spelled[link.left]
        }
        return [self._group(members, bound) for members in self._linker.partition]

    @property
    def decisions(self) -> Iterator[Decision]:
        for link in (*self._alike, *self._short):
            left, right = (self._of_node[self._nodes[i]] for i in (link.left, link.right))
            yield _decision(link, left, right, f" in {left[0].document_id}")

    def _group(self, members: Sequence[int], bound: dict[int, Match]) -> _Group:
        names = sorted(name for i in members for name in self._of_node[self._nodes[i]])
        matches = {
            name: bound[i] for i in members if i in bound for name in self._of_node[self._nodes[i]]
        }
        type = self._customs.most_specific(names)
        return _Group(names[0].document_id, tuple(names), type, matches)


class _Corpus:
    """The groups of all documents, grouped again by what their full names have in common."""

    def __init__(self, groups: Sequence[_Group], customs: _Customs, embed: Embed | None) -> None:
        self._groups = groups
        self._customs = customs
        self._nodes_of = [self._heads(group) for group in groups]
        self._names: dict[Node, list[Name]] = defaultdict(list)
        self._group_in: dict[Node, dict[str, int]] = defaultdict(dict)
        for g, nodes in enumerate(self._nodes_of):
            for node, names in nodes.items():
                self._names[node] += names
                self._group_in[node][groups[g].document_id] = g
        self._nodes = sorted(self._names, key=_order)
        self._index = {node: i for i, node in enumerate(self._nodes)}
        self._linker = Linker(self._nodes, customs.compatible, self._told_apart)
        self._links = list(self._link(embed))

    @property
    def clusters(self) -> Iterator[list[_Group]]:
        """Each group goes where its best known full name goes."""
        clusters = defaultdict(list)
        for group, nodes in zip(self._groups, self._nodes_of, strict=True):
            best = max(nodes, key=lambda node: (self._weight(node), -self._index[node]))
            clusters[self._linker.partition.find(self._index[best])].append(group)
        return iter(clusters.values())

    @property
    def decisions(self) -> Iterator[Decision]:
        for names in self._names.values():
            best = _best(names)
            for other in {name.spelling for name in names} - {best}:
                yield Decision("merge", other, best, 1.0, "same name")
        for link in self._links:
            left, right = (self._names[self._nodes[i]] for i in (link.left, link.right))
            yield _decision(link, left, right, "")

    def _heads(self, group: _Group) -> dict[Node, list[Name]]:
        nodes: dict[Node, list[Name]] = defaultdict(list)
        for name in group.heads:
            nodes[self._customs.node(group.type, name.spelling)].append(name)
        return nodes

    def _link(self, embed: Embed | None) -> Iterator[Link]:
        texts = [_best(self._names[node]) for node in self._nodes]
        alike, unlike = _confirmed(dict(self._linker.candidates()), texts, embed)
        yield from self._linker.join_alike(alike | dict(self._in_one_group()))
        hosts = self._expanded()
        short, not_short = _confirmed(self._likely(hosts), texts, embed)
        for (i, j), match in short.items():
            hosts[i][j] = match
        yield from self._linker.join_short(hosts)
        find = self._linker.partition.find
        for (i, j), match in (unlike | not_short).items():
            if find(i) != find(j):
                yield Link(i, j, match, joined=False)

    def _in_one_group(self) -> Iterator[tuple[Pair, Match]]:
        """Names that a document uses for one thing."""
        for nodes in self._nodes_of:
            for pair in combinations(sorted(self._index[node] for node in nodes), 2):
                yield pair, _TOGETHER

    def _likely(self, explained: Container[int]) -> dict[Pair, Match]:
        """Short names that no document explains, with the few full names that they may mean."""
        return {
            (i, j): match
            for i, fulls in self._linker.hosts(everywhere=True).items()
            if i not in explained and len(fulls) <= _FEW
            for j, match in fulls.items()
        }

    def _expanded(self) -> dict[int, dict[int, Match]]:
        """Acronyms with the names that documents use them for."""
        of_form: dict[Form, list[int]] = defaultdict(list)
        for i, node in enumerate(self._nodes):
            of_form[node.form].append(i)
        expanded: dict[int, dict[int, Match]] = defaultdict(dict)
        for group, nodes in zip(self._groups, self._nodes_of, strict=True):
            full = [self._index[node] for node in nodes]
            for name, match in group.bound.items():
                if not match.everywhere:
                    continue
                for i in of_form.get(self._customs.node(name.type, name.spelling).form, ()):
                    if self._customs.compatible(self._nodes[i].type, group.type):
                        expanded[i] |= dict.fromkeys(full, _GIVEN)
        return expanded

    def _told_apart(self, i: int, j: int) -> bool:
        """Whether one document has both names, for two things."""
        few, many = sorted((self._group_in[self._nodes[k]] for k in (i, j)), key=len)
        return any(many.get(document, group) != group for document, group in few.items())

    def _weight(self, node: Node) -> tuple[int, int, int]:
        names = self._names[node]
        return len(names), sum(name.count for name in names), len(node.form.squeezed)


def _confirmed(
    candidates: dict[Pair, Match], texts: Sequence[str], embed: Embed | None
) -> tuple[dict[Pair, Match], dict[Pair, Match]]:
    """Candidates that are sure or that embeddings speak for, and those they speak against."""
    sure = {pair: match for pair, match in candidates.items() if match.score >= _SURE}
    doubtful = {pair: match for pair, match in candidates.items() if match.score < _SURE}
    refused: dict[Pair, Match] = {}
    if not embed or not doubtful:
        return sure, refused
    used = sorted({i for pair in doubtful for i in pair})
    row = {i: r for r, i in enumerate(used)}
    vectors = embed([texts[i] for i in used])
    for (i, j), match in doubtful.items():
        close = float(vectors[row[i]] @ vectors[row[j]])
        agree, kept = ("agree", sure) if close >= _CLOSE else ("disagree", refused)
        kept[i, j] = Match(match.score, f"{match.reason}, embeddings {agree} ({close:.2f})")
    return sure, refused


def _cluster(groups: Sequence[_Group], customs: _Customs) -> Cluster:
    names = sorted(name for group in groups for name in group.names)
    name = _best([name for group in groups for name in group.heads])
    aliases = {other.spelling for other in names} - {name}
    return Cluster(tuple(names), name, customs.most_specific(names), tuple(sorted(aliases)))


def _best(names: Iterable[Name]) -> str:
    """The spelling of most documents, then most mentions, then the longest, then by alphabet."""
    documents: dict[str, set[str]] = defaultdict(set)
    mentions: Counter[str] = Counter()
    for name in names:
        documents[name.spelling].add(name.document_id)
        mentions[name.spelling] += name.count
    return min(mentions, key=lambda s: (-len(documents[s]), -mentions[s], -len(s), s))


def _decision(link: Link, left: list[Name], right: list[Name], where: str) -> Decision:
    kind: Literal["merge", "keep apart"] = "merge" if link.joined else "keep apart"
    types = f" as {left[0].type} and {right[0].type}" if left[0].type != right[0].type else ""
    reason = f"{link.match.reason}{types}{where}"
    return Decision(kind, _best(left), _best(right), link.match.score, reason)


def _order(node: Node) -> tuple[str, tuple[str, ...], bool, bool]:
    """Nothing else tells two nodes apart."""
    return node.type, node.form.words, node.form.acronym, node.form.definite
