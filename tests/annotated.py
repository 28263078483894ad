"""Records and readings that tests of the evaluation share."""

from kgbuild.datatypes import Extraction, Mention, Relation
from kgbuild.decoding import Candidates
from kgbuild.evaluation.inventory import make_ontology
from kgbuild.evaluation.reading import Reading
from kgbuild.evaluation.thresholds import Thresholds
from kgbuild.extraction import Settings
from kgbuild.training.data import parse_record

TEXT = "Ada Lovelace met Babbage. Lovelace wrote."
RAW = {
    "id": "1",
    "text": TEXT,
    "entities": [
        {"type": "person", "mentions": [[0, 12], [26, 34]]},
        {"type": "person", "mentions": [[17, 24]]},
    ],
    "relations": [{"head": 0, "type": "met", "tail": 1}],
}
RECORD = parse_record(RAW, "made")


def mention(start, end, type="person", text=TEXT):
    return Mention("d", start, end, text[start:end], type, 0.9)


def found(mentions, relations=()):
    linked = tuple(Relation(head, tail, name, 0.9, "m") for head, name, tail in relations)
    return Extraction("d", tuple(mentions), linked, 1.0)


def reading(record, types, relations=None, between=None):
    """A reading at thresholds of 0.5; `types` as span → type → score, relations as edge → score."""
    ontology = make_ontology([record])
    thresholds = Thresholds.of(ontology, Settings())
    return Reading(record, ontology, thresholds, Candidates(types, relations or {}), between)
