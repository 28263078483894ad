"""A few dozen judged texts → what a model's scores are worth, and which thresholds suit them.

1. Scores become probabilities (`platt.py`), those of entity types and of relations apart.
2. Thresholds are probabilities then, and one for all entity types, one for all relations, should
   do: of calibrated scores, F1 asks for the same threshold everywhere (arXiv 1402.1892, theorem
   4). In raw scores it is another one for each type. The best of a grid is found by decoding, and
   taken only if it is better in 95 % of samples of the texts; else thresholds stay where they were.
3. Relations come second, since which of them are found depends on the mentions.

How good that is, is measured on texts that it was not fitted to: each is decoded with what the
others teach.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kgbuild.datatypes import Document, Mention, Relation
from kgbuild.decoding import Candidates, decode
from kgbuild.errors import DocumentError
from kgbuild.evaluation.inventory import check_ontology
from kgbuild.extraction import Scorer, Settings, model_id, placement
from kgbuild.models import load_model, model_folder
from kgbuild.ontology import Ontology
from kgbuild.ontology.parsing import dump
from kgbuild.ontology.types import AnyType
from kgbuild.scores import Calibration, calibrated
from kgbuild.training.data import Record, read_set
from kgbuild.training.judging import Judge, Tally
from kgbuild.training.measuring import Scored
from kgbuild.training.platt import Judged, calibration_error, platt_of_types

Floats = NDArray[np.float64]

_LOW_MENTION, _LOW_RELATION = 0.1, 0.05
"""Scores below are not looked at: too many, and hardly ever right."""
_GRID = [round(0.04 * i, 2) for i in range(1, 24)]
_SAMPLES, _SURE = 400, 0.95
_FOLDS = 10
_FEWEST_TEXTS = 10


@dataclass(frozen=True, slots=True)
class Worth:
    """What a type's scores are worth, and from which worth on they count."""

    threshold: float
    calibration: Calibration | None = None


Worths = Mapping[str, Worth]


@dataclass(frozen=True, slots=True)
class Fit:
    """The worth of every entity type and relation type."""

    entities: Worths
    relations: Worths


@dataclass(frozen=True, slots=True)
class Quality:
    """How good extractions are, and how far their scores are from the truth.

    Attributes:
        mention_error: Expected calibration error, from 0 to 1 (arXiv 1706.04599, equation 3).
    """

    mentions: Tally
    relations: Tally
    mention_error: float
    relation_error: float

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for scripts."""
        return {
            "mentions": {**self.mentions.to_json(), "ece": round(self.mention_error, 4)},
            "relations": {**self.relations.to_json(), "ece": round(self.relation_error, 4)},
        }


@dataclass(frozen=True, slots=True)
class Result:
    """A calibrated ontology, and what calibration does to texts that it was not fitted to.

    Attributes:
        entities: Per entity type, how many mentions were found and judged.
        relations: The same of relations.
    """

    ontology: Ontology
    texts: int
    entities: Mapping[str, int]
    relations: Mapping[str, int]
    before: Quality
    after: Quality


def calibrate(
    files: Sequence[Path], ontology: Ontology, model: str | Path, *, device: str = "auto"
) -> Result:
    """Find out what a model's scores are worth under an ontology.

    Args:
        files: JSON Lines of annotated records or judged facts, gzipped or not.
        ontology: What is looked for. Its thresholds are replaced.
        model: A name or folder that `kgbuild.models.load_model` takes.
        device: Where to run it.

    Raises:
        DocumentError: A file is no set of records, or there are too few.
        OntologyError: The records have types that the ontology lacks.
    """
    records = [record for path in files for record in read_set(path)]
    where = ", ".join(map(str, files))
    check_ontology(ontology, records, where)
    n_texts = len({record.text for record in records})
    if n_texts < _FEWEST_TEXTS:
        raise DocumentError(f"{where}: {n_texts} texts are too few; judge a few dozen")
    settings = Settings.read(model_folder(model))
    own = _own(ontology, settings)
    low = replace(settings, threshold=_LOW_MENTION, relation_threshold=_LOW_RELATION)
    scorer = Scorer(load_model(model, *placement(device)), _bare(ontology), low)
    scored = _read(records, scorer)
    found = [_judged(one, _raw(ontology)) for one in scored]
    return Result(
        _with(ontology, fit(scored, own), model_id(model)),
        n_texts,
        Counter(each.type for mentions, _ in found for each in mentions),
        Counter(each.type for _, relations in found for each in relations),
        _quality((one, own) for one in scored),
        _quality(_left_out(scored, own)),
    )


def to_yaml(ontology: Ontology) -> str:
    """What `Ontology.load` reads beside an ontology file: its thresholds and calibrations."""

    def details(types: Mapping[str, AnyType]) -> dict[str, dict[str, Any]]:
        return {
            name: {"threshold": type.threshold, "calibration": list(type.calibration)}
            if type.calibration is not None
            else {}
            for name, type in types.items()
        }

    return "# What scores are worth; made by `kgbuild calibrate`.\n" + dump(
        {
            "calibrated_for": ontology.calibrated_for,
            "entities": details(ontology.entities),
            "relations": details(ontology.relations),
        }
    )


def fit(scored: Sequence[Scored], own: Fit) -> Fit:
    """Fit mentions, then the relations between those that are left.

    Args:
        scored: Texts with their raw candidates.
        own: Thresholds of raw scores; stay for mentions or relations that nobody has judged.
    """
    raw = _raw(scored[0].ontology)
    mentions = [each for one in scored for each in _judged(one, raw)[0]]
    entities = _best(
        _options(mentions, own.entities, _LOW_MENTION),
        lambda worths: [_tallies(one, Fit(worths, own.relations))[0] for one in scored],
    )
    found = [each for one in scored for each in _judged(one, Fit(entities, raw.relations))[1]]
    relations = _best(
        _options(found, own.relations, _LOW_RELATION),
        lambda worths: [_tallies(one, Fit(entities, worths))[1] for one in scored],
    )
    return Fit(entities, relations)


def _own(ontology: Ontology, settings: Settings) -> Fit:
    """The thresholds without calibration."""

    def worths(types: Mapping[str, AnyType], default: float) -> dict[str, Worth]:
        return {
            name: Worth(default if type.threshold is None else type.threshold)
            for name, type in types.items()
        }

    return Fit(
        worths(ontology.entities, settings.threshold),
        worths(ontology.relations, settings.relation_threshold),
    )


def _raw(ontology: Ontology) -> Fit:
    return Fit(
        dict.fromkeys(ontology.entities, Worth(_LOW_MENTION)),
        dict.fromkeys(ontology.relations, Worth(_LOW_RELATION)),
    )


def _bare(ontology: Ontology) -> Ontology:
    def bare(types: Mapping[str, AnyType]) -> dict[str, AnyType]:
        return {n: replace(type, threshold=None, calibration=None) for n, type in types.items()}

    return replace(
        ontology,
        entities=bare(ontology.entities),
        relations=bare(ontology.relations),
        calibrated_for="",
    )


def _with(ontology: Ontology, fitted: Fit, model: str) -> Ontology:
    def filled(types: Mapping[str, AnyType], worths: Mapping[str, Worth]) -> dict[str, AnyType]:
        return {
            name: replace(type, threshold=worth.threshold, calibration=worth.calibration)
            if (worth := worths[name]).calibration is not None
            else type
            for name, type in types.items()
        }

    return replace(
        ontology,
        entities=filled(ontology.entities, fitted.entities),
        relations=filled(ontology.relations, fitted.relations),
        calibrated_for=model,
    )


def _read(records: Sequence[Record], scorer: Scorer) -> list[Scored]:
    """Read each text once, however often something is said about it."""
    texts = list(dict.fromkeys(record.text for record in records))
    candidates = scorer.candidates(Document("", text) for text in texts)
    found = dict(zip(texts, candidates, strict=True))
    return [Scored(record, scorer.ontology, found[record.text]) for record in records]


def _decoded(one: Scored, fitted: Fit) -> tuple[tuple[Mention, ...], tuple[Relation, ...]]:
    types: dict[tuple[int, int], dict[str, float]] = {}
    for span, scores in one.candidates.types.items():
        kept = {
            name: value
            for name, score in scores.items()
            if (value := _worth(score, fitted.entities[name])) is not None
        }
        if kept:
            types[span] = kept
    edges = {
        edge: worth
        for edge, score in one.candidates.relations.items()
        if (worth := _worth(score, fitted.relations[edge[1]])) is not None
    }
    return decode("", one.record.text, Candidates(types, edges), one.ontology, "")


def _worth(score: float, worth: Worth) -> float | None:
    value = calibrated(score, worth.calibration)
    return value if value > worth.threshold else None


def _judged(one: Scored, fitted: Fit) -> tuple[list[Judged], list[Judged]]:
    """Mentions and relations that are found, and that somebody has judged."""
    judge = Judge(one.record, one.ontology)
    mentions, relations = _decoded(one, fitted)
    return (
        [
            Judged(found.type, found.score, right)
            for found in mentions
            if (right := judge.mention(found.span, found.type)) is not None
        ],
        [
            Judged(found.type, found.score, right)
            for found in relations
            if (right := judge.relation(found.head.span, found.type, found.tail.span)) is not None
        ],
    )


def _options(judged: Sequence[Judged], own: Worths, low: float) -> list[Worths]:
    """Calibrated by what was judged, with thresholds where they were, or one for all types."""
    if not judged:
        return [own]
    maps = platt_of_types(judged, own)
    lowest = {name: round(calibrated(low, maps[name]), 4) for name in own}
    thresholds = [{name: calibrated(own[name].threshold, maps[name]) for name in own}]
    thresholds += [dict.fromkeys(own, level) for level in _GRID]
    return [
        {name: Worth(round(max(of[name], lowest[name]), 4), maps[name]) for name in own}
        for of in thresholds
    ]


def _best(options: Sequence[Worths], count: Callable[[Worths], list[Tally]]) -> Worths:
    """The option with the best F1 if it is surely better than the first, else the first."""
    tallies = [count(option) for option in options]
    scores = [sum(of, Tally()).f1 for of in tallies]
    best = scores.index(max(scores))
    return options[best if surely_better(tallies[best], tallies[0]) else 0]


def surely_better(tallies: Sequence[Tally], others: Sequence[Tally]) -> bool:
    """Whether F1 is higher in nearly all samples of the texts (paired bootstrap, Efron 1979)."""
    draws = np.random.default_rng(0).integers(len(tallies), size=(_SAMPLES, len(tallies)))

    def scores(of: Sequence[Tally]) -> Floats:
        counts = np.array([(one.correct, one.predicted + one.gold) for one in of], float)
        correct, total = counts[draws].sum(axis=1).T
        return np.asarray(2 * correct / np.maximum(total, 1))

    return bool((scores(tallies) > scores(others)).mean() >= _SURE)


def _tallies(one: Scored, fitted: Fit) -> tuple[Tally, Tally]:
    judge, found = Judge(one.record, one.ontology), _decoded(one, fitted)
    return judge.count_mentions(found[0]), judge.count_relations(found[1])


def _left_out(scored: Sequence[Scored], own: Fit) -> Iterator[tuple[Scored, Fit]]:
    """Each text with what the texts of the other folds teach."""
    texts = sorted({one.record.text for one in scored})
    random.Random(0).shuffle(texts)
    fold = {text: i % _FOLDS for i, text in enumerate(texts)}
    for number in range(_FOLDS):
        others = [one for one in scored if fold[one.record.text] != number]
        fitted = fit(others, own)
        yield from ((one, fitted) for one in scored if fold[one.record.text] == number)


def _quality(decided: Iterable[tuple[Scored, Fit]]) -> Quality:
    mentions, relations = Tally(), Tally()
    judged: tuple[list[Judged], list[Judged]] = ([], [])
    for one, fitted in decided:
        right = _tallies(one, fitted)
        mentions, relations = mentions + right[0], relations + right[1]
        for every, new in zip(judged, _judged(one, fitted), strict=True):
            every += new
    return Quality(mentions, relations, *(calibration_error(of) for of in judged))
