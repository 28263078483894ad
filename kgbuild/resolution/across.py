"""Which things of different documents are one: what their full names have in common.

Only full names are compared, and what one document tells apart stays apart in the graph.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from math import prod

from kgbuild.resolution.clustering import Pair
from kgbuild.resolution.in_document import Customs, Group, best, decision, order
from kgbuild.resolution.linking import Link, Linker, Node
from kgbuild.resolution.matching import Match
from kgbuild.resolution.names import Form
from kgbuild.resolution.records import Decision, Embed, Name
from kgbuild.resolution.senses import (
    Likeness,
    Setting,
    is_looked_at,
    passages,
    senses,
    setting,
    why_apart,
)

_NEUTRAL = 0.5  # cosine of two names that says nothing about whether they are one
_STILL_ASKED = 0.89  # what is likely only stays below what needs no second opinion
_LIKELY = 0.65  # score of a match, with what the cosine adds or takes, at least
_ALONE = 0.75  # a match this good is believed where there are no embeddings
_SURE = 0.9  # a match this good needs no second opinion
_TELLING = 3  # letters of an acronym that may be one name's only
_RARE = 0.05  # names that have an acronym by chance, at most, for it to be telling
_FEW = 5  # full names that an acronym may have without being hopelessly ambiguous
_GIVEN = Match(0.95, "short for it in another document")
_OPEN = Match(0.5, "people have told things of this name apart")
_TOGETHER = Match(1.0, "one thing in a document")
_BEGIN = dict(
    # How often a word of a name begins with a letter. A fixed table, and not that of the names at
    # hand: one more document must not change what was decided elsewhere.
    zip(
        "abcdefghijklmnopqrstuvwyz",
        (
            *(0.075, 0.056, 0.086, 0.045, 0.03, 0.04, 0.038, 0.037, 0.032, 0.029, 0.02, 0.043),
            *(0.063, 0.03, 0.049, 0.052, 0.002, 0.047, 0.087, 0.057, 0.021, 0.016, 0.033, 0.009),
            0.004,
        ),
        strict=True,
    )
)
_ELSE = 0.001


def scale_of(forms: Iterable[Form]) -> int:
    """The number of names of several words, up to the next power of two.

    So rough that it hardly ever changes, for when it does, all names are resolved anew.
    """
    return 1 << len({form.core for form in forms if len(form.core) > 1}).bit_length()


class Corpus:
    """The groups of all documents, grouped again by what their full names have in common.

    Args:
        groups: In order of their documents.
        scale: How many names of several words there are, roughly (`scale_of`).
    """

    def __init__(
        self, groups: Sequence[Group], customs: Customs, embed: Embed | None, scale: int
    ) -> None:
        self._groups = groups
        self._customs = customs
        self._scale = scale
        self._judged = self._judged_names()
        self._judged_in: dict[str, set[int]] = defaultdict(set)
        for group in groups:
            self._judged_in[group.document_id].add(group.label)
        self._why: dict[tuple[Node, int, int], Match] = {}
        self._sense = dict(self._senses(embed))
        self._nodes_of = [self._heads(group) for group in groups]
        self._names: dict[Node, list[Name]] = defaultdict(list)
        self._group_in: dict[Node, dict[str, int]] = defaultdict(dict)
        for g, nodes in enumerate(self._nodes_of):
            for node, names in nodes.items():
                self._names[node] += names
                self._group_in[node][groups[g].document_id] = g
        self._nodes = sorted(self._names, key=order)
        self._index = {node: i for i, node in enumerate(self._nodes)}
        self._linker = Linker(self._nodes, customs.compatible, self._told_apart)
        self._links = list(self._link(embed))

    @property
    def clusters(self) -> Iterator[list[Group]]:
        """Each group goes where its best known full name goes."""
        clusters = defaultdict(list)
        weights = {node: self._weight(node) for node in self._nodes}
        for group, nodes in zip(self._groups, self._nodes_of, strict=True):
            head = max(nodes, key=lambda node: (node.label > 0, weights[node], -self._index[node]))
            clusters[self._linker.partition.find(self._index[head])].append(group)
        return iter(clusters.values())

    @property
    def decisions(self) -> Iterator[Decision]:
        for names in self._names.values():
            known = best(names)
            for other in {name.spelling: name for name in reversed(names)}.values():
                if other.spelling != known.spelling:
                    yield Decision("merge", other, known, 1.0, "same name")
        for link in self._links:
            left, right = (self._names[self._nodes[i]] for i in (link.left, link.right))
            yield decision(link, left, right)

    def _heads(self, group: Group) -> dict[Node, list[Name]]:
        nodes: dict[Node, list[Name]] = defaultdict(list)
        for name in group.heads:
            node = self._customs.node(group.type, name.spelling, group.label)
            node = replace(node, sense=self._sense.get((group.document_id, _bucket(node)), 0))
            nodes[self._known(node, group.document_id)].append(name)
        return nodes

    def _senses(self, embed: Embed | None) -> Iterator[tuple[tuple[str, Node], int]]:
        """Which thing a name means in a document, where that is not its most common meaning."""
        shared = {node: found for node, found in self._settings().items() if len(found) > 1}
        looked_at = {node: found for node, found in shared.items() if is_looked_at(node.form)}
        texts = (text for found in looked_at.values() for text in passages(found.values()))
        read, unread = Likeness(texts, embed), Likeness((), embed)
        for node, found in shared.items():
            likeness = read if node in looked_at else unread
            numbers = senses(node.form, list(found.values()), likeness)
            of_sense = defaultdict(list)
            for number, (id, one) in zip(numbers, found.items(), strict=True):
                of_sense[number].append(one)
                yield (id, node), number
            for a, b in combinations(sorted(of_sense), 2):
                self._why[node, a, b] = why_apart(of_sense[a], of_sense[b], likeness)

    def _settings(self) -> dict[Node, dict[str, Setting]]:
        """What documents say around each name, as far as they say anything."""
        names: dict[Node, dict[str, list[Name]]] = defaultdict(lambda: defaultdict(list))
        for group in self._groups:
            for name in group.heads:
                if name.tells and not group.label:
                    node = self._customs.node(group.type, name.spelling)
                    names[_bucket(node)][group.document_id] += group.names
        return {
            node: {id: setting(names[node][id], node.form.kind) for id in sorted(names[node])}
            for node in sorted(names, key=order)
        }

    def _judged_names(self) -> dict[Node, set[int]]:
        """The labels of the judged things that go by a name."""
        labels: dict[Node, set[int]] = defaultdict(set)
        for group in self._groups:
            if group.label:
                for name in group.heads:
                    labels[self._customs.node(group.type, name.spelling)].add(group.label)
        return labels

    def _known(self, node: Node, document_id: str) -> Node:
        """A name that only one judged thing has means that thing, wherever it is read.

        Except in a document that has this thing already, and tells it apart.
        """
        labels = self._judged.get(replace(node, sense=0), set())
        if len(labels) != 1 or labels & self._judged_in[document_id]:
            return node
        return replace(node, label=min(labels), sense=0)

    def _link(self, embed: Embed | None) -> Iterator[Link]:
        self._linker.join_judged()
        texts = [best(self._names[node]).spelling for node in self._nodes]
        candidates = dict(self._linker.candidates())
        for pair in list(candidates):
            if told := self._told(*pair):
                del candidates[pair]
                yield Link(*pair, told, joined=False)
        alike, unlike = _confirmed(candidates, texts, embed)
        yield from self._linker.join_alike(alike | dict(self._in_one_group()))
        hosts = self._expanded()
        likely = {pair: self._weighed(pair, match) for pair, match in self._likely(hosts).items()}
        short, not_short = _confirmed(likely, texts, embed)
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

    def _weighed(self, pair: Pair, match: Match) -> Match:
        """An acronym so long that no other name would have it by chance needs no second opinion."""
        form = self._nodes[pair[0]].form
        if not form.acronym or len(form.squeezed) < _TELLING:
            return match
        chance = self._scale * prod(_BEGIN.get(letter, _ELSE) for letter in form.squeezed)
        return Match(1 - chance, "acronym of one name only") if chance < _RARE else match

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
        """Whether one document has both names, for two things, or people left it open."""
        if self._is_open(i, j) or _are_namesakes(self._nodes[i], self._nodes[j]):
            return True
        few, many = sorted((self._group_in[self._nodes[k]] for k in (i, j)), key=len)
        return any(many.get(document, group) != group for document, group in few.items())

    def _told(self, i: int, j: int) -> Match | None:
        """Why two names are two things although they are alike, if people or documents say so."""
        a, b = self._nodes[i], self._nodes[j]
        if self._is_open(i, j):
            return _OPEN
        first, second = sorted((a.sense, b.sense))
        return self._why[_bucket(a), first, second] if _are_namesakes(a, b) else None

    def _is_open(self, i: int, j: int) -> bool:
        """Whether one is the name of several judged things, and the other is one of these."""
        pair = (self._nodes[i], self._nodes[j])
        return any(b.label in self._judged.get(a, ()) for a, b in (pair, pair[::-1]))

    def _weight(self, node: Node) -> tuple[int, int, int]:
        names = self._names[node]
        return len(names), sum(name.count for name in names), len(node.form.squeezed)


def _are_namesakes(a: Node, b: Node) -> bool:
    """Whether what documents say around a name tells two things of this name apart."""
    return a.sense != b.sense and not (a.label or b.label) and _bucket(a) == _bucket(b)


def _bucket(node: Node) -> Node:
    """What stands for all nodes that are the same name, however it is written."""
    form = node.form
    acronym = form.acronym and len(form.core) == 1
    plain = replace(form, words=form.core, acronym=acronym, definite=False, sex="")
    return Node(node.type, plain)


def _confirmed(
    candidates: dict[Pair, Match], texts: Sequence[str], embed: Embed | None
) -> tuple[dict[Pair, Match], dict[Pair, Match]]:
    """Candidates that are sure or that embeddings speak for, and those they speak against."""
    sure = {pair: match for pair, match in candidates.items() if match.score >= _SURE}
    doubtful = {pair: match for pair, match in candidates.items() if match.score < _SURE}
    refused: dict[Pair, Match] = {}
    if not doubtful:
        return sure, refused
    if not embed:
        return sure | {pair: m for pair, m in doubtful.items() if m.score >= _ALONE}, refused
    used = sorted({i for pair in doubtful for i in pair})
    row = {i: r for r, i in enumerate(used)}
    vectors = embed([texts[i] for i in used])
    for (i, j), match in doubtful.items():
        close = float(vectors[row[i]] @ vectors[row[j]])
        score = min(match.score + (close - _NEUTRAL) / 3, _STILL_ASKED)
        agree, kept = ("agree", sure) if score >= _LIKELY else ("disagree", refused)
        kept[i, j] = Match(score, f"{match.reason}, embeddings {agree} ({close:.2f})")
    return sure, refused
