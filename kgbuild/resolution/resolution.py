"""From names to entities: which names, in one document and across all, mean one thing.

Within a document a reader's conventions hold: a surname stands for the person named in full, "the
Commission" for the only commission. Such short names stay bound to their document. Across documents
only full names are compared, and what one document tells apart stays apart in the graph.

What people have decided stands above all of this: names that they called one thing carry one label,
and nothing joins two labels.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import combinations, groupby
from math import prod
from typing import Literal

from kgbuild.ontology import Ontology
from kgbuild.resolution.clustering import Pair
from kgbuild.resolution.judging import labels_of, remembered
from kgbuild.resolution.kinds import kind_of
from kgbuild.resolution.linking import Link, Linker, Node
from kgbuild.resolution.matching import Match
from kgbuild.resolution.names import Form, Kind, is_description, is_pronoun, parse
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
from kgbuild.resolution.senses import Likeness, Setting, is_looked_at, senses, setting, why_apart

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


def resolve(
    names: Iterable[Name],
    ontology: Ontology,
    *,
    embed: Embed | None = None,
    judgements: Iterable[Judgement] = (),
    known: Sequence[Known] = (),
) -> Resolution:
    """Cluster names; pure, and independent of the order of the names.

    Args:
        names: Those of all documents.
        ontology: Says which types one thing can have.
        embed: Turns texts into unit vectors. Without it, what is likely but not sure from the names
            alone is not merged across documents.
        judgements: What people have decided; it is never overruled.
        known: Things that names mean first, wherever they stand; no two of them become one.
    """
    customs = _Customs(ontology)
    kept, left_out = _nameable(names)
    labels = labels_of(judgements, known)
    things = {labels[key]: one for one in reversed(known) for key in one.keys}
    for name, label in remembered(labels, kept).items():
        if name.type in ontology.entities:
            labels[name.key] = label
            kept.append(name)
    groups: list[_Group] = []
    decisions: list[Decision] = []
    for _, of_document in groupby(sorted(kept), key=lambda name: name.document_id):
        document = _Document(list(of_document), labels, customs)
        decisions += document.decisions
        for group in document.groups:
            if not group.label and all(map(customs.describes, group.names)):
                left_out += group.names
            else:
                groups.append(group)
    corpus = _Corpus(groups, customs, embed)
    decisions += corpus.decisions
    decisions += (Decision("leave out", name, None, 1.0, "names nothing") for name in left_out)
    clusters = filter(None, (_cluster(groups, things, customs) for groups in corpus.clusters))
    return Resolution(
        tuple(sorted(clusters, key=lambda cluster: cluster.names)),
        tuple(sorted({d for d in decisions if not _is_memory(d)}, key=_by_content)),
        tuple(sorted(left_out)),
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


class _Customs:
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
class _Group:
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
    def heads(self) -> list[Name]:
        """The names under which other documents may know the thing."""
        known = self.document_id.startswith(MEMORY)  # all of its names were given for this
        return [name for name in self.names if known or name not in self.bound]


class _Document:
    """The names of one document, grouped."""

    def __init__(self, names: Sequence[Name], labels: Mapping[Key, int], customs: _Customs) -> None:
        self._customs = customs
        self._of_node: dict[Node, list[Name]] = defaultdict(list)
        for name in names:
            node = customs.node(name.type, name.spelling, labels.get(name.key, 0))
            self._of_node[node].append(name)
        self._nodes = sorted(self._of_node, key=_order)
        self._linker = Linker(self._nodes, customs.compatible)
        self._alike = list(self._linker.join_alike(dict(self._linker.candidates())))
        self._spelled = [tuple(self._linker.partition.members(i)) for i in range(len(self._nodes))]
        self._linker.join_judged()
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
        label = max(self._nodes[i].label for i in members)  # they have no two
        return _Group(names[0].document_id, tuple(names), type, label, matches)


class _Corpus:
    """The groups of all documents, grouped again by what their full names have in common."""

    def __init__(self, groups: Sequence[_Group], customs: _Customs, embed: Embed | None) -> None:
        self._groups = groups
        self._customs = customs
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
        self._nodes = sorted(self._names, key=_order)
        self._index = {node: i for i, node in enumerate(self._nodes)}
        self._linker = Linker(self._nodes, customs.compatible, self._told_apart)
        self._links = list(self._link(embed))

    @property
    def clusters(self) -> Iterator[list[_Group]]:
        """Each group goes where its best known full name goes."""
        clusters = defaultdict(list)
        for group, nodes in zip(self._groups, self._nodes_of, strict=True):
            best = max(
                nodes, key=lambda node: (node.label > 0, self._weight(node), -self._index[node])
            )
            clusters[self._linker.partition.find(self._index[best])].append(group)
        return iter(clusters.values())

    @property
    def decisions(self) -> Iterator[Decision]:
        for names in self._names.values():
            best = _best(names)
            for other in {name.spelling: name for name in reversed(names)}.values():
                if other.spelling != best.spelling:
                    yield Decision("merge", other, best, 1.0, "same name")
        for link in self._links:
            left, right = (self._names[self._nodes[i]] for i in (link.left, link.right))
            yield _decision(link, left, right, "")

    def _heads(self, group: _Group) -> dict[Node, list[Name]]:
        nodes: dict[Node, list[Name]] = defaultdict(list)
        for name in group.heads:
            node = self._customs.node(group.type, name.spelling, group.label)
            node = replace(node, sense=self._sense.get((group.document_id, _bucket(node)), 0))
            nodes[self._known(node, group.document_id)].append(name)
        return nodes

    def _senses(self, embed: Embed | None) -> Iterator[tuple[tuple[str, Node], int]]:
        """Which thing a name means in a document, where that is not its most common meaning."""
        shared = {node: found for node, found in self._settings().items() if len(found) > 1}
        passages = (
            one.passage
            for node, found in shared.items()
            if is_looked_at(node.form)
            for one in found.values()
        )
        likeness = Likeness(passages, embed)
        for node, found in shared.items():
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
            for node in sorted(names, key=_order)
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
        texts = [_best(self._names[node]).spelling for node in self._nodes]
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
        chance = self._long_names * prod(self._initials[letter] for letter in form.squeezed)
        return Match(1 - chance, "acronym of one name only") if chance < _RARE else match

    @cached_property
    def _long_names(self) -> int:
        return sum(len(node.form.core) > 1 for node in self._nodes)

    @cached_property
    def _initials(self) -> Mapping[str, float]:
        """How often words begin with a letter; with one more of each, for none is impossible."""
        counts = Counter(word[0] for node in self._nodes for word in node.form.core)
        total = counts.total() + 26
        return defaultdict(
            lambda: 1 / total, {letter: (n + 1) / total for letter, n in counts.items()}
        )

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


def _cluster(
    groups: Sequence[_Group], things: Mapping[int, Known], customs: _Customs
) -> Cluster | None:
    """The cluster of some groups; None if no document has any of its names now."""
    present = [group for group in groups if not group.document_id.startswith(MEMORY)]
    if not present:
        return None
    names = sorted(name for group in present for name in group.names)
    one = things.get(max(group.label for group in groups))
    name = one.names[0] if one else _best(name for g in present for name in g.heads).spelling
    aliases = {other.spelling for other in names} - {name}
    type = customs.most_specific(names if not one else [Name("", one.type, name), *names])
    return Cluster(tuple(names), name, type, tuple(sorted(aliases)), one.id if one else "")


def _best(names: Iterable[Name]) -> Name:
    """The spelling of most documents, then most mentions, then the longest, then by alphabet."""
    documents: dict[str, set[str]] = defaultdict(set)
    mentions: Counter[str] = Counter()
    first: dict[str, Name] = {}
    for name in names:
        documents[name.spelling].add(name.document_id)
        mentions[name.spelling] += name.count
        first[name.spelling] = min(name, first.get(name.spelling, name))
    return first[min(first, key=lambda s: (-len(documents[s]), -mentions[s], -len(s), s))]


def _decision(link: Link, left: list[Name], right: list[Name], where: str) -> Decision:
    kind: Literal["merge", "keep apart"] = "merge" if link.joined else "keep apart"
    types = f" as {left[0].type} and {right[0].type}" if left[0].type != right[0].type else ""
    reason = f"{link.match.reason}{types}{where}"
    return Decision(kind, _best(left), _best(right), round(link.match.score, 2), reason)


def _is_memory(decision: Decision) -> bool:
    names = (name for name in (decision.left, decision.right) if name)
    return any(name.document_id.startswith(MEMORY) for name in names)


def _by_content(decision: Decision) -> tuple[str, Key, Key | tuple[()], float, str]:
    right = decision.right.key if decision.right else ()
    return decision.kind, decision.left.key, right, decision.score, decision.reason


def _order(node: Node) -> tuple[str, tuple[str, ...], bool, bool, int, int]:
    """Nothing else tells two nodes apart."""
    form = node.form
    return node.type, form.words, form.acronym, form.definite, node.label, node.sense
