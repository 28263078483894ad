"""Triples of strings, scored as Text2KGBench does (arXiv 2308.02357).

Its scorer (github.com/cenguix/Text2KGBench, `src/evaluation/run_eval.py`) looks at a sentence at a
time. Found triples whose relation is none of the sentence's annotated ones are left out. The others
are compared without white space, underscores and case. Precision, recall and F1 of the sentences
are averaged within each ontology, and then over the ontologies; a sentence where nothing is found
counts 0. This is kinder than counting all triples, which `compare_triples` does.

Conformance is the share of triples with a relation of the ontology, hallucinations are the shares
of triples with a subject, object or relation that is not in the sentence or the ontology. The
scorer compares Porter stems; here words are compared as they stand, because what is copied from a
text is in it, endings and all. So what kgbuild finds always conforms: the numbers are there for
those who compare it with systems that write freely.
"""

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kgbuild.datatypes import Span
from kgbuild.evaluation.metrics import looked_for
from kgbuild.evaluation.reading import Reading
from kgbuild.evaluation.scores import Compared, Score, draws, interval, mean, score
from kgbuild.training.data import Record

Triple = tuple[str, str, str]
"""Subject, relation, object."""
Names = Mapping[tuple[str, Span], str]
"""By text and span."""

_SOURCE = "text2kgbench"  # what the source of its records begins with
_IGNORED = re.compile(r"[_\s]+")


@dataclass(frozen=True, slots=True)
class Sentence:
    """The official scores of one sentence."""

    ontology: str
    gold: int
    precision: float
    recall: float
    f1: float
    conformance: float
    subject_hallucination: float
    relation_hallucination: float
    object_hallucination: float


def measure(path: Path, readings: Sequence[Reading]) -> tuple[dict[str, Score], dict[str, float]]:
    """The scores of a set of the benchmark, and its conformance and hallucinations.

    Args:
        path: The file of the records, for the names that triples have in the benchmark.
        readings: Of a set; of any other than the benchmark there are no scores.
    """
    own = [
        one for one in readings if one.record.source.startswith(_SOURCE) and one.record.relations
    ]
    if not own:
        return {}, {}
    names = read_names(path)
    triples = [(annotated_triples(one.record, names), found_triples(one)) for one in own]
    sentences = [
        score_sentence(one, gold, found) for one, (gold, found) in zip(own, triples, strict=True)
    ]
    strict = score([compare_triples(gold, found).counts for gold, found in triples])
    return {"Text2KGBench": average(sentences), "triples, strict": strict}, quality(sentences)


def read_names(path: Path) -> Names:
    """What the benchmark calls things that the text may call otherwise.

    Dates above all: the text may say "2007" where the triple says "01 January 2007".
    """
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines if line.strip()]
    return {
        (record["text"], (start, end)): str(entity["kb_label"])
        for record in records
        for entity in record.get("entities", ())
        for start, end in entity["mentions"]
        if entity.get("kb_label")
    }


def annotated_triples(record: Record, names: Names) -> set[Triple]:
    """The facts of a sentence, in the benchmark's words, or else in those of the text."""

    def called(entity: int) -> str:
        start, end = next(iter(record.mentions[entity]), (0, 0))
        return names.get((record.text, (start, end)), record.text[start:end])

    return {(called(head), name, called(tail)) for head, name, tail in record.relations}


def found_triples(reading: Reading) -> set[Triple]:
    """The relations found, in the words of the text."""
    found = looked_for(reading.record, reading.extraction)
    return {(r.head.text, r.type, r.tail.text) for r in found}


def compare_triples(gold: set[Triple], found: set[Triple]) -> Compared:
    """Compare triples to the letter."""
    return Compared(
        *(frozenset((name, head, tail) for head, name, tail in side) for side in (gold, found))
    )


def score_sentence(reading: Reading, gold: set[Triple], found: set[Triple]) -> Sentence:
    """Score one sentence; it has annotated triples, as all of the benchmark have."""
    ontology = reading.ontology
    relations = {name for _, name, _ in gold}
    wanted = {normalised(triple) for triple in gold}
    counted = {normalised(triple) for triple in found if triple[1] in relations}
    correct = len(wanted & counted)
    allowed = _bare("".join((reading.record.text, *ontology.entities)))
    conformance = mean(name in ontology.relations for _, name, _ in found) if found else 1.0
    return Sentence(
        ontology=reading.record.domain,
        gold=len(gold),
        precision=correct / len(counted) if counted else 0.0,
        recall=correct / len(wanted),
        f1=2 * correct / (len(counted) + len(wanted)),
        conformance=conformance,
        subject_hallucination=mean(_missing(head, allowed) for head, _, _ in found),
        relation_hallucination=1 - conformance,
        object_hallucination=mean(_missing(tail, allowed) for _, _, tail in found),
    )


def normalised(triple: Triple) -> str:
    """The one string that the scorer makes of a triple."""
    return _bare("".join(triple))


def average(sentences: Sequence[Sentence]) -> Score:
    """The mean over ontologies of the means over their sentences."""
    groups = _by_ontology(sentences)
    samples = [draws(len(of)) @ [one.f1 for one in of] / len(of) for of in groups]
    low, high = interval(np.mean(samples, axis=0))
    return Score(
        precision=_average(groups, "precision"),
        recall=_average(groups, "recall"),
        f1=_average(groups, "f1"),
        low=low,
        high=high,
        gold=sum(one.gold for one in sentences),
    )


def quality(sentences: Sequence[Sentence]) -> dict[str, float]:
    """Conformance and hallucinations, averaged in the same way."""
    groups = _by_ontology(sentences)
    names = (
        "conformance",
        "subject_hallucination",
        "relation_hallucination",
        "object_hallucination",
    )
    return {name: round(_average(groups, name), 4) for name in names}


def _by_ontology(sentences: Sequence[Sentence]) -> list[list[Sentence]]:
    groups: dict[str, list[Sentence]] = defaultdict(list)
    for one in sentences:
        groups[one.ontology].append(one)
    return list(groups.values())


def _average(groups: Sequence[Sequence[Sentence]], name: str) -> float:
    return mean(mean(getattr(one, name) for one in of) for of in groups)


def _missing(words: str, allowed: str) -> bool:
    return _bare(words) not in allowed


def _bare(text: str) -> str:
    return _IGNORED.sub("", text).lower()
