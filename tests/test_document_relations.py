"""Document-level systems behind the joint model's mentions."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kgbuild.datatypes import Document, Mention
from kgbuild.document_relations import DocumentRelations, entities_of, nearest, system_folder
from kgbuild.errors import ModelError
from kgbuild.extraction import Extractor, fingerprint_of
from kgbuild.graph import KnowledgeGraph
from kgbuild.models.docre.glidre import PRIOR
from kgbuild.ontology import Ontology

if TYPE_CHECKING:
    from kgbuild.models.docre.documents import RelationLabels

ONTOLOGY = Ontology.parse(
    """
name: keepers
entities:
  person: {}
  place: {}
  date: {literal: date}
relations:
  born in: {head: person, tail: place, functional: true}
  born on: {head: person, tail: date}
"""
)
TEXT = (
    "Marta Ilves keeps the light of Sker. She came in 1985. Her dog is old.\n\n"
    "Ilves is from Turku. Jon Aas, born in 1960, never left Sker."
)


def mention(text: str, type: str, start: int = 0) -> Mention:
    at = TEXT.index(text, start)
    return Mention("d", at, at + len(text), text, type, 0.9)


MENTIONS = [
    mention("Marta Ilves", "person"),
    mention("Sker", "place"),
    mention("She", "person"),
    mention("1985", "date"),
    mention("Ilves", "person", 30),
    mention("Turku", "place"),
    mention("Jon Aas", "person"),
    mention("1960", "date"),
    mention("Sker", "place", 100),
]


def made(
    folder: Path, encoder: Path, system: str, labels: "RelationLabels | None", shift: float
) -> Path:
    """A system that nobody trained; `shift` says how easily it says yes."""
    from transformers import AutoModel

    from kgbuild.models.checkpoint import read_tokenizer
    from kgbuild.models.docre import build
    from kgbuild.models.docre.saving import save_system

    tokenizer = read_tokenizer(encoder)
    one = build(system, AutoModel.from_pretrained(encoder), tokenizer, labels, {})
    one.shift = shift
    save_system(folder, one, tokenizer)
    return folder


@pytest.fixture
def yes_to_all(tmp_path: Path, encoder_folder: Path) -> Path:
    return made(tmp_path / "yes", encoder_folder, "glidre", None, -1000.0)


@pytest.fixture
def closed(tmp_path: Path, encoder_folder: Path) -> Path:
    from kgbuild.models.docre.documents import RelationLabels

    labels = RelationLabels(("born on", "lives in"), ("", ""))
    return made(tmp_path / "closed", encoder_folder, "atlop", labels, -1000.0)


def test_names_of_one_thing_are_one_entity_and_pronouns_are_none() -> None:
    found = [[m.text for m in one.mentions] for one in entities_of("d", MENTIONS, ONTOLOGY)]
    assert found == [
        ["Marta Ilves", "Ilves"], ["Sker", "Sker"], ["1985"], ["Turku"], ["Jon Aas"], ["1960"],
    ]  # fmt: skip


def test_a_relation_is_shown_where_its_ends_are_nearest() -> None:
    ilves, sker, _, turku, aas, _ = entities_of("d", MENTIONS, ONTOLOGY)
    assert [m.text for m in nearest(ilves, turku)] == ["Ilves", "Turku"]
    assert [m.start for m in nearest(aas, sker)] == [TEXT.index("Jon Aas"), TEXT.rindex("Sker")]
    assert nearest(ilves, turku) == nearest(turku, ilves)[::-1]


def test_only_what_the_ontology_allows_is_found(yes_to_all: Path) -> None:
    relations = DocumentRelations(yes_to_all, "yes", ONTOLOGY, "cpu").between("d", TEXT, MENTIONS)
    assert {(r.type, r.head.type, r.tail.type) for r in relations} == {
        ("born in", "person", "place"),
        ("born on", "person", "date"),
    }
    born_in = [r.head.text for r in relations if r.type == "born in"]
    assert len(born_in) == 2  # functional: one place for each of the two persons
    assert len(relations) == 2 + 2 * 2
    assert {r.model for r in relations} == {"yes"}


def test_thresholds_hold_unless_they_were_calibrated_for_another_model(yes_to_all: Path) -> None:
    def found(**told: object) -> set[str]:
        relations = {"born in": replace(ONTOLOGY.relations["born in"], **told)}
        ontology = replace(ONTOLOGY, relations=ONTOLOGY.relations | relations)
        relations_found = DocumentRelations(yes_to_all, "yes", ontology, "cpu")
        return {r.type for r in relations_found.between("d", TEXT, MENTIONS)}

    assert found(threshold=1.0) == {"born on"}
    assert found(threshold=1.0, calibration=(2.0, 0.5)) == {"born in", "born on"}


def test_what_the_ontology_forbids_does_not_take_the_place_of_what_it_allows() -> None:
    import torch

    many = Ontology.parse(
        "name: many\nentities: {person: {}, place: {}}\nrelations:\n"
        + "".join(f"  r{i}: {{head: place, tail: person}}\n" for i in range(4))
        + "  born in: {head: person, tail: place}\n"
    )
    relations = DocumentRelations(system_folder("relex", "bundled"), "told", many, "cpu")
    first = torch.tensor([3.0, 3.1, 3.2, 3.3, 2.5])
    relations._system.odds = lambda _, pairs, *__: first.expand(len(pairs), 5)  # type: ignore[method-assign]
    found = relations.between("d", TEXT, [MENTIONS[0], MENTIONS[1]])
    assert {(r.head.text, r.type) for r in found} == {
        ("Marta Ilves", "born in"), *(("Sker", f"r{i}") for i in range(4)),
    }  # fmt: skip


def test_a_system_that_says_no_finds_nothing(tmp_path: Path, encoder_folder: Path) -> None:
    no = made(tmp_path / "no", encoder_folder, "glidre", None, 1000.0)
    assert DocumentRelations(no, "no", ONTOLOGY, "cpu").between("d", TEXT, MENTIONS) == ()


def test_a_document_without_mentions_has_no_relations(yes_to_all: Path) -> None:
    assert DocumentRelations(yes_to_all, "yes", ONTOLOGY, "cpu").between("d", "", []) == ()


def test_a_second_look_changes_what_the_first_is_unsure_of(
    tmp_path: Path, encoder_folder: Path, yes_to_all: Path, closed: Path
) -> None:
    from kgbuild.models.docre.documents import RelationLabels

    unsure = made(tmp_path / "unsure", encoder_folder, "glidre", None, -PRIOR - 1.0)
    labels = RelationLabels(("born in",), ("",))
    again = made(tmp_path / "again", encoder_folder, "adapted-predicates", labels, 1000.0)

    def found(first: Path, second: Path | None) -> int:
        relations = DocumentRelations(first, "first", ONTOLOGY, "cpu", second)
        return len(relations.between("d", TEXT, MENTIONS))

    assert found(unsure, None) > 0
    assert found(unsure, again) == 0  # it says no to everything
    assert found(yes_to_all, again) == found(yes_to_all, None)  # which is sure
    with pytest.raises(ModelError, match="atlop does not look again"):
        found(unsure, closed)


def test_closed_labels_refuse_others(closed: Path) -> None:
    with pytest.raises(ModelError, match="'born in' is not one of them"):
        DocumentRelations(closed, "closed", ONTOLOGY, "cpu")


def test_closed_labels_answer_for_their_own(closed: Path) -> None:
    own = Ontology.parse(
        "name: dates\nentities: {person: {}, date: {literal: date}}\n"
        "relations: {born on: {head: person, tail: date}}"
    )
    known = [m for m in MENTIONS if m.type in own.entities]
    relations = DocumentRelations(closed, "closed", own, "cpu").between("d", TEXT, known)
    assert {r.type for r in relations} == {"born on"}


def test_the_own_head_of_the_model_reads_across_chunks() -> None:
    across = Extractor("bundled", ONTOLOGY, device="cpu", relations="relex")
    (extracted,) = across.extract([Document("d", TEXT)])
    assert extracted.extraction is not None
    found = {(r.head.text, r.type, r.tail.text) for r in extracted.extraction.relations}
    assert ("Jon Aas", "born on", "1960") in found


def test_another_system_is_another_build(yes_to_all: Path) -> None:
    builds = {fingerprint_of("bundled", ONTOLOGY, of) for of in (None, "relex", yes_to_all)}
    builds.add(fingerprint_of("bundled", ONTOLOGY, "relex", yes_to_all))
    assert len(builds) == 4


def test_a_graph_has_evidence_for_what_a_system_found(tmp_path: Path, yes_to_all: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "keepers.txt").write_text(TEXT, "utf-8")
    with KnowledgeGraph.open(
        tmp_path / "kg", ontology=ONTOLOGY, relations=yes_to_all, device="cpu"
    ) as kg:
        kg.ingest([tmp_path / "docs"])
        evidence = [one for triple in kg.triples() for one in triple.evidence]
    assert evidence
    for one in evidence:
        assert TEXT[one.start : one.end] == one.quote
        assert one.model.startswith("yes@")


@pytest.mark.parametrize(
    ("name", "message"),
    [("glidre", "kgbuild train --system glidre"), ("nowhere", "no such folder")],
)
def test_what_is_not_there_is_said(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        system_folder(name, "bundled")


def test_a_broken_system_is_said(yes_to_all: Path) -> None:
    values = json.loads((yes_to_all / "relations.json").read_text("utf-8"))
    (yes_to_all / "relations.json").write_text(json.dumps(values | {"system": "oracle"}), "utf-8")
    with pytest.raises(ModelError, match="'oracle' is not known"):
        DocumentRelations(yes_to_all, "broken", ONTOLOGY, "cpu")
