"""Annotated sets → scores of a model, by the same way that documents take through the pipeline.

Each record comes with the types of its source: an ontology is made of them, the text is read with
it like any document, and what is found is compared with the annotation. Records that share their
types share an ontology.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from kgbuild.errors import DocumentError, OntologyError
from kgbuild.evaluation import text2kgbench
from kgbuild.evaluation.facts import Fact
from kgbuild.evaluation.inventory import check_ontology, make_ontology
from kgbuild.evaluation.measures import MENTIONS, RELATIONS, compare_all
from kgbuild.evaluation.reading import Reading, read
from kgbuild.evaluation.scores import Score, by_type, score
from kgbuild.evaluation.sweep import Level, try_levels
from kgbuild.evaluation.thresholds import Thresholds, lowered
from kgbuild.extraction import (
    Scorer,
    Settings,
    check_calibration,
    document_relations,
    model_id,
    placement,
)
from kgbuild.ontology import Ontology
from kgbuild.training.data import Record, read_set

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one set.

    Attributes:
        scores: Per measure, in the order of a table.
        by_type: Of mentions and of relations, the score of each type.
        sweep: What other thresholds would give, if that was asked.
        quality: Conformance and hallucinations, of a set of Text2KGBench.
    """

    name: str
    records: int
    scores: Mapping[str, Score]
    by_type: Mapping[str, Mapping[str, Score]]
    sweep: tuple[Level, ...] = ()
    quality: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for scripts."""
        return {
            "set": self.name,
            "records": self.records,
            "scores": _json(self.scores),
            "by_type": {measure: _json(types) for measure, types in self.by_type.items()},
            "sweep": [one.to_json() for one in self.sweep],
            "text2kgbench": dict(self.quality),
        }


def evaluate(
    path: Path,
    model: str | Path,
    *,
    relations: str | Path | None = None,
    rerank: str | Path | None = None,
    device: str = "auto",
    limit: int | None = None,
    ontology: Ontology | None = None,
    seen: frozenset[Fact] | None = None,
    given_mentions: bool = False,
    sweep: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> Result:
    """Read the texts of an annotated set and compare.

    Args:
        path: JSON Lines of annotated records, gzipped or not.
        model: A name or folder that `kgbuild.models.load_model` takes.
        relations: The folder of a document-level system that finds the relations in the model's
            place, or `relex`.
        rerank: The folder of the adapted predicates that read again what `relations` is unsure of.
        device: Where to run it.
        limit: Take so many records, evenly spread over the file; all by default.
        ontology: To read with, instead of the bare types of the file.
        seen: Facts of the training texts; also measure what is found beyond them.
        given_mentions: Also measure relations between the annotated mentions.
        sweep: Also measure what other thresholds would give.
        advance: Is called after each record.

    Raises:
        DocumentError: The file is not a set of annotated records.
        ModelError: The model cannot be loaded.
        OntologyError: The ontology does not define all types of the file, or its scores are
            calibrated for another model.
    """
    from kgbuild.models import load_model, model_folder

    records = read_set(path)
    if ontology is not None:
        check_ontology(ontology, records, str(path))
        check_calibration(ontology, model_id(model))
    network = load_model(model, *placement(device))
    settings = Settings.read(model_folder(model))
    readings = []
    for members, wanted in _groups(records, limit):
        inventory = ontology or _inventory(path, members)
        thresholds = Thresholds.of(inventory, settings)
        asked = lowered(inventory, thresholds) if sweep else inventory
        scorer = Scorer(network, asked, settings)
        documents = (
            document_relations(relations, rerank, model, asked, device) if relations else None
        )
        for reading in read(
            wanted, scorer, thresholds, given_mentions=given_mentions, documents=documents
        ):
            readings.append(reading)
            advance()
    return _result(path, readings, seen, try_levels(readings) if sweep else ())


def _groups(
    records: Sequence[Record], limit: int | None
) -> Iterator[tuple[list[Record], list[Record]]]:
    """Records that share their types: all of them, and those that are taken."""
    taken = {id(record) for record in spread(records, limit)}
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.group].append(record)
    for members in groups.values():
        wanted = [record for record in members if id(record) in taken]
        if wanted:
            yield members, wanted


def _inventory(path: Path, records: Sequence[Record]) -> Ontology:
    try:
        return make_ontology(records)
    except OntologyError as error:
        problem = str(error).splitlines()[0].removeprefix("ontology `evaluation`: ")
        raise DocumentError(f"{path}: its types cannot be used: {problem}") from error


def spread(records: Sequence[T], limit: int | None) -> Sequence[T]:
    """So many of the records, evenly spread; all by default."""
    if limit is None or limit >= len(records):
        return records
    return [records[i * len(records) // limit] for i in range(limit)]


def _result(
    path: Path,
    readings: Sequence[Reading],
    seen: frozenset[Fact] | None,
    sweep: tuple[Level, ...],
) -> Result:
    compared = compare_all(readings, seen)
    scores = {
        measure: score([one.counts for one in documents]) for measure, documents in compared.items()
    }
    if not scores:
        raise DocumentError(
            f"{path}: neither types nor relations are annotated; nothing to compare"
        )
    triples, quality = text2kgbench.measure(path, readings)
    return Result(
        path.name.split(".")[0],
        len(readings),
        scores | triples,
        {name: by_type(compared[name]) for name in (MENTIONS, RELATIONS) if name in compared},
        sweep,
        quality,
    )


def _json(scores: Mapping[str, Score]) -> dict[str, Any]:
    return {name: one.to_json() for name, one in scores.items()}
