"""Candidates of a whole document → mentions and relations that agree with the ontology.

The model scores what it sees in one window under one set of labels. Here a document's windows come
together: the same span seen twice is one mention, of two that overlap the better one stays, and
types are chosen together with the relations that need them. Then the ontology's axioms speak.

1. Overlap: spans are taken best first, and block what they overlap.
2. Types: each span's type starts as its best-scored one. A span then takes the type that gives the
   largest sum of its own score and the scores of the relations that become possible with it, in
   turn, until nothing changes (iterated conditional modes; Besag 1986).
3. Rivals: of several relations from one mention to another, those stay that score nearly as well as
   the best one, or are above it in the ontology.
4. Axioms: a symmetric relation keeps one direction; of any other relation found both ways between
   two mentions the better direction stays; a functional relation keeps the best tail of each head,
   an inverse functional one the best head of each tail.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from kgbuild.datatypes import Mention, Relation, Span
from kgbuild.ontology import Ontology

Types = Mapping[Span, Mapping[str, float]]
Edge = tuple[Span, str, Span]

_DECIMALS = 4
_SWEEPS = 5
_CLOSE = 0.8  # share of the best score; worth 0 to 0.4 F1 on six development sets of 40 records


@dataclass(frozen=True, slots=True)
class Candidates:
    """What the model makes of one document; everything in it has passed its threshold.

    Attributes:
        types: Per span, the score of each entity type.
        relations: Per (head span, relation type, tail span), the score.
    """

    types: Types
    relations: Mapping[Edge, float]


def decode(
    document_id: str, text: str, candidates: Candidates, ontology: Ontology, model: str
) -> tuple[tuple[Mention, ...], tuple[Relation, ...]]:
    """Choose the mentions and relations of a document.

    Returns:
        Mentions in order of position, and relations between them.
    """
    spans = without_overlap(candidates.types)
    possible = {
        edge: score
        for edge, score in candidates.relations.items()
        if edge[0] in spans and edge[2] in spans
    }
    types = choose_types({span: candidates.types[span] for span in spans}, possible, ontology)
    edges = {
        (head, name, tail): score
        for (head, name, tail), score in possible.items()
        if ontology.allows(name, types[head], types[tail])
    }
    edges = without_rivals(edges, ontology)
    edges = apply_axioms(edges, lambda span: text[span[0] : span[1]].casefold(), ontology)
    mentions = {
        (start, end): Mention(
            document_id, start, end, text[start:end], types[start, end],
            round(candidates.types[start, end][types[start, end]], _DECIMALS),
        )
        for start, end in sorted(spans)
    }  # fmt: skip
    relations = tuple(
        Relation(mentions[head], mentions[tail], name, round(score, _DECIMALS), model)
        for (head, name, tail), score in sorted(edges.items())
    )
    return tuple(mentions.values()), relations


def without_overlap(types: Types) -> set[Span]:
    """Take spans best first (then longest, then first) unless they overlap one already taken."""
    order = sorted(types, key=lambda s: (-max(types[s].values()), s[0] - s[1], s))
    taken: set[Span] = set()
    blocked: dict[int, list[Span]] = defaultdict(list)
    for span in order:
        cells = range(span[0] // _CELL, (span[1] - 1) // _CELL + 1)
        if not any(_overlap(span, other) for cell in cells for other in blocked[cell]):
            taken.add(span)
            for cell in cells:
                blocked[cell].append(span)
    return taken


_CELL = 64  # characters; only spans that share a cell can overlap


def _overlap(a: Span, b: Span) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def choose_types(
    types: Types, relations: Mapping[Edge, float], ontology: Ontology
) -> dict[Span, str]:
    """Choose one type a span, together with the relations that the choice allows."""
    chosen = {span: min(scores, key=lambda t: (-scores[t], t)) for span, scores in types.items()}
    around: dict[Span, list[tuple[Edge, float]]] = defaultdict(list)
    for edge, score in relations.items():
        around[edge[0]].append((edge, score))
        around[edge[2]].append((edge, score))
    ambiguous = sorted(span for span in around if len(types[span]) > 1)
    for _ in range(_SWEEPS):
        changed = False
        for span in ambiguous:
            best = _best_type(span, types[span], around[span], chosen, ontology)
            changed |= best != chosen[span]
            chosen[span] = best
        if not changed:
            break
    return chosen


def _best_type(
    span: Span,
    scores: Mapping[str, float],
    edges: Iterable[tuple[Edge, float]],
    chosen: Mapping[Span, str],
    ontology: Ontology,
) -> str:
    def worth(type: str) -> float:
        total = scores[type]
        for (head, name, tail), score in edges:
            head_type = type if head == span else chosen[head]
            tail_type = type if tail == span else chosen[tail]
            total += score if ontology.allows(name, head_type, tail_type) else 0.0
        return total

    return min(scores, key=lambda type: (-worth(type), -scores[type], type))


def without_rivals(edges: Mapping[Edge, float], ontology: Ontology) -> dict[Edge, float]:
    """Of the relations from one mention to another, drop those that the best one outdoes."""
    best: dict[tuple[Span, Span], Edge] = {}
    for edge in sorted(edges, key=lambda edge: (-edges[edge], edge)):
        best.setdefault((edge[0], edge[2]), edge)

    def stands(edge: Edge, score: float) -> bool:
        rival = best[edge[0], edge[2]]
        return score >= _CLOSE * edges[rival] or edge[1] in ontology.super_relations(rival[1])

    return {edge: score for edge, score in edges.items() if stands(edge, score)}


def apply_axioms(
    edges: Mapping[Edge, float], name_of: Callable[[Span], str], ontology: Ontology
) -> dict[Edge, float]:
    """Drop the weaker of relations that the ontology does not let stand together.

    Args:
        edges: Relations whose ends have the right types, with scores.
        name_of: What two mentions of one thing have in common; here, their words.
        ontology: Whose axioms hold.
    """
    kept = _one_direction(edges, ontology)
    for name, relation in ontology.relations.items():
        if relation.functional:
            kept = _best_only(kept, name, name_of, 0)
        if relation.inverse_functional:
            kept = _best_only(kept, name, name_of, 2)
    return kept


def _one_direction(edges: Mapping[Edge, float], ontology: Ontology) -> dict[Edge, float]:
    kept = {}
    for (head, name, tail), score in edges.items():
        other = edges.get((tail, name, head), -1.0)
        if ontology.relations[name].symmetric:
            start, end = sorted((head, tail))
            kept[start, name, end] = max(score, other)
        elif (-score, head, tail) < (-other, tail, head):
            kept[head, name, tail] = score
    return kept


def _best_only(
    edges: Mapping[Edge, float], name: str, name_of: Callable[[Span], str], side: int
) -> dict[Edge, float]:
    """For each thing on one side (0 head, 2 tail) keep the best-scored thing on the other."""

    def thing(edge: Edge, at: int) -> str:
        end = edge[at]
        return name_of(end) if not isinstance(end, str) else end

    ranked: Sequence[Edge] = sorted(
        (edge for edge in edges if edge[1] == name), key=lambda edge: (-edges[edge], edge)
    )
    best: dict[str, str] = {}
    for edge in ranked:
        best.setdefault(thing(edge, side), thing(edge, 2 - side))
    return {
        edge: score
        for edge, score in edges.items()
        if edge[1] != name or best[thing(edge, side)] == thing(edge, 2 - side)
    }
