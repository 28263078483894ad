"""Document-level systems, measured as the official scorer of DocRED does (arXiv 1906.06127).

Entities are given, and every ordered pair of them is asked about. A fact is head, relation and
tail; found twice it counts once, and pairs without a relation only count where one was found.
Ign-F1 (`facts, unseen`) takes what the training texts already say out of precision, not of recall.
`found.py` measures what is found where nothing is given.
"""

from collections.abc import Callable, Iterator, Sequence

import torch

from kgbuild.evaluation.benchmark import Result
from kgbuild.evaluation.facts import Fact, said_in
from kgbuild.evaluation.scores import Compared, by_type, score
from kgbuild.models.docre.documents import PairScores, RelationLabels
from kgbuild.models.docre.scoring import RelationSystem
from kgbuild.training.data import Record
from kgbuild.training.documents import Task, tasks

FACTS = "facts, given entities"
UNSEEN = "facts, unseen"


def evaluate_system(
    system: RelationSystem,
    records: Sequence[Record],
    *,
    name: str,
    labels: RelationLabels | None = None,
    seen: frozenset[Fact] | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Result:
    """Measure a system on annotated documents.

    Args:
        system: In evaluation mode.
        records: At least one of them has a relation.
        name: Of the set.
        labels: What to ask for; by default all that a closed system knows, and of an open one the
            relation types of each record's source.
        seen: Facts of the training texts; also measure what is found beyond them.
        advance: Is called after each document.

    Raises:
        DocumentError: A record has a relation that is not asked for, or an entity no mentions.
        ModelError: A closed system is asked for what it does not know.
    """
    compared: dict[str, list[Compared]] = {FACTS: []} | ({} if seen is None else {UNSEEN: []})
    for task, scores in ask(system, put(system, records, labels)):
        found = facts_found(system, task, scores)
        for measure, documents in compared.items():
            documents.append(compare(task.record, found, seen if measure == UNSEEN else None))
        advance()
    return Result(
        name,
        len(records),
        {measure: score([one.counts for one in found]) for measure, found in compared.items()},
        {FACTS: by_type(compared[FACTS])},
    )


def put(
    system: RelationSystem, records: Sequence[Record], labels: RelationLabels | None = None
) -> list[Task]:
    """Records as they are put to a system.

    Raises:
        DocumentError: A record has a relation that is not asked for, or an entity no mentions.
        ModelError: A closed system is asked for what it does not know.
    """
    given = tasks(records, labels)
    if labels is not None or system.known is None:
        return given
    for task in given:
        system.columns(task.labels)
    return tasks(records, system.known)


def ask(system: RelationSystem, given: Sequence[Task]) -> Iterator[tuple[Task, PairScores]]:
    """Score every pair that the annotation speaks of, one document after the other, on the CPU."""
    device = next(system.parameters()).device
    for task in given:
        with torch.no_grad():
            [scores] = system([task.document], [task.pairs.to(device)], task.labels)
        yield task, PairScores(scores.logits.float().cpu(), scores.threshold.float().cpu())


def facts_found(
    system: RelationSystem, task: Task, scores: PairScores
) -> frozenset[tuple[str, int, int]]:
    """Relation, head and tail of all that is predicted."""
    rows = torch.nonzero(system.decide(scores)).tolist()
    pairs = task.pairs.tolist()
    return frozenset((task.labels.names[column], *pairs[row]) for row, column in rows)


def compare(
    record: Record,
    found: frozenset[tuple[str, int, int]],
    seen: frozenset[Fact] | None = None,
) -> Compared:
    """Compare with the annotation; what has been `seen` is no merit."""
    gold = {(name, head, tail) for head, name, tail in record.relations}
    known = {
        (name, head, tail)
        for name, head, tail in gold
        if seen and not seen.isdisjoint(said_in(record, head, name, tail))
    }
    return Compared(frozenset(gold), found, frozenset(known))
