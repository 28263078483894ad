"""Document-level systems, measured as the official scorer of DocRED does (arXiv 1906.06127).

Entities are given, and every ordered pair of them is asked about. A fact is head, relation and
tail; found twice it counts once, and pairs without a relation only count where one was found.
Ign-F1 (`facts, unseen`) takes what the training texts already say out of precision, not of recall.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from kgbuild.errors import DocumentError, ModelError
from kgbuild.evaluation.benchmark import Result, spread
from kgbuild.evaluation.facts import Fact, said_in
from kgbuild.evaluation.scores import Compared, by_type, score
from kgbuild.extraction import placement
from kgbuild.models.docre.documents import RelationLabels
from kgbuild.models.docre.reranked import load_finder
from kgbuild.models.docre.scoring import RelationFinder
from kgbuild.training.data import Record, read_set
from kgbuild.training.documents import Task, tasks

FACTS = "facts, given entities"
UNSEEN = "facts, unseen"


def evaluate_system(
    path: Path,
    folder: Path,
    *,
    device: str = "auto",
    rerank: Path | None = None,
    limit: int | None = None,
    seen: frozenset[Fact] | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Result:
    """Measure a trained system on an annotated set.

    Args:
        path: JSON Lines of annotated records, gzipped or not.
        folder: Of the system.
        device: Where to run it.
        rerank: Folder of the adapted predicates that read again what the system is unsure of.
        limit: Take so many records, evenly spread over the file; all by default.
        seen: Facts of the training texts; also measure what is found beyond them.
        advance: Is called after each record.

    Raises:
        DocumentError: The file is not a set of annotated records, or has no relations.
        ModelError: The system cannot be loaded, or does not know a relation type of the file.
    """
    records = read_set(path)
    if not any(record.relations for record in records):
        raise DocumentError(f"{path}: no relations are annotated; nothing to compare")
    system = load_finder(folder, rerank, placement(device)[0])
    try:
        given = spread(put(system, records), limit)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    return measure_system(system, given, name=path.name.split(".")[0], seen=seen, advance=advance)


def measure_system(
    system: RelationFinder,
    given: Sequence[Task],
    *,
    name: str,
    seen: frozenset[Fact] | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Result:
    """Measure a system on annotated documents.

    Args:
        system: Is asked about every pair; in evaluation mode.
        given: At least one.
        name: Of the set.
        seen: Facts of the training texts; also measure what is found beyond them.
        advance: Is called after each document.
    """
    measures = [FACTS] if seen is None else [FACTS, UNSEEN]
    compared: dict[str, list[Compared]] = {measure: [] for measure in measures}
    for task in given:
        found = facts_found(system, task)
        for measure, documents in compared.items():
            documents.append(compare(task.record, found, seen if measure == UNSEEN else None))
        advance()
    return Result(
        name,
        len(given),
        {measure: score([one.counts for one in found]) for measure, found in compared.items()},
        {FACTS: by_type(compared[FACTS])},
    )


def put(
    system: RelationFinder, records: Sequence[Record], labels: RelationLabels | None = None
) -> list[Task]:
    """Records as they are put to a system.

    Args:
        system: Will be asked.
        records: To ask about.
        labels: To ask for; by default all that a closed system knows, and of an open one the
            relation types of each record's source.

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


def facts_found(system: RelationFinder, task: Task) -> frozenset[tuple[str, int, int]]:
    """Relation, head and tail of all that is predicted, of pairs that the annotation speaks of."""
    odds = system.odds(task.document, task.pairs, task.labels)
    rows = torch.nonzero(system.likely(odds)).tolist()
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
