"""Annotation, encoders and weights that are not as one would like them."""

import gzip
import json
import os
from itertools import count

import pytest
import torch

from kgbuild.errors import DocumentError, ModelError
from kgbuild.evaluation.documents import FACTS, measure_system
from kgbuild.models.docre import build
from kgbuild.models.docre.saving import load_system
from kgbuild.training.data import parse_line, parse_record, read_set
from kgbuild.training.document_loop import DocumentPace, DocumentTrainer
from kgbuild.training.documents import tasks
from kgbuild.training.systems import Plan, bare_encoder, learn

TEXT = "Ada works with Charles"
RAW = {
    "text": TEXT,
    "entities": [
        {"type": "person", "mentions": [[0, 3]]},
        {"type": "person", "mentions": [[15, 22]]},
    ],
    "relations": [{"head": 0, "type": "works with", "tail": 1}],
}
SMALL = {"pair_width": 64}


def record(**changes):
    return parse_record(RAW | changes, "made")


@pytest.fixture
def start(encoder_folder, tmp_path):
    """Train for some seconds, each of them a step."""

    def start(records, system="atlop", out="out", encoder=encoder_folder, **plan):
        options = SMALL if system in ("atlop", "kd-docre") else {}
        chosen = Plan(system, encoder=encoder, options=options, **plan)
        if chosen.model:
            chosen = Plan(model=chosen.model)
        return learn(
            records, [], tmp_path / out, chosen, run="", minutes=0.1, device="cpu",
            clock=count().__next__,
        )  # fmt: skip

    return start


@pytest.mark.parametrize("relations", [[{"head": 0, "type": "knows", "tail": 0}], []])
def test_records_without_pairs_are_nothing_to_learn_from(start, relations, tmp_path):
    alone = record(entities=RAW["entities"][:1], relations=relations)
    with pytest.raises(DocumentError, match="no record to learn from has two entities"):
        start([alone])
    assert not (tmp_path / "out").exists()


def test_relations_of_an_entity_with_itself_are_counted(start):
    itself = record(relations=[*RAW["relations"], {"head": 0, "type": "knows", "tail": 0}])
    trained = start([itself])
    assert trained.to_json()["relations_with_itself"] == 1
    assert not trained.chosen


@pytest.mark.parametrize("system", ["glidre", "relex", "atlop"])
def test_a_text_that_is_asked_for_nothing_stops_nothing(start, system, tmp_path):
    quiet = record(domain="quiet", relations=[])
    start([record(), quiet], system)
    found = measure_system(load_system(tmp_path / "out"), tasks([record(), quiet]), name="made")
    assert found.scores[FACTS].gold == 1


def test_what_nobody_looked_for_stays_unknown_beside_other_labels(encoder_folder, tmp_path):
    transformer, tokenizer = bare_encoder(encoder_folder)
    system = build("glidre", transformer, tokenizer, None, {})
    some = record(annotated_relations=["works with"], text=TEXT + ".")
    every = tasks([some, record(source="other", relations=[{"head": 1, "type": "met", "tail": 0}])])
    groups = DocumentTrainer(system, DocumentPace(1.0), tmp_path / "state.pt")._groups(every)
    for group in (next(groups) for _ in range(10)):
        for task in group:
            if task.record.text == some.text:
                assert task.labels.names == ("works with",)


def test_judged_facts_are_learned_from(start):
    judged = {"text": TEXT, "head": "Ada", "relation": "fears", "tail": "Charles"}
    told = [one for yes in (True, False) for one in parse_line(judged | {"accepted": yes}, "made")]
    assert [task.labels.names for task in tasks(told)] == [("fears",), ("fears",)]
    assert [len(task.facts) for task in tasks(told)] == [1, 0]
    assert start([record(), *told]).records == 3


def test_a_relation_type_that_is_not_known_is_told_before_anything_is_written(start, tmp_path):
    start([record()], out="first")
    met = record(relations=[{"head": 0, "type": "met", "tail": 1}])
    with pytest.raises(ModelError, match=r"'met' is not one of them \(works with\)"):
        start([record(), met], model=tmp_path / "first")
    with pytest.raises(ModelError, match="'met' is not one of them"):
        start([record(), met], system="kd-docre", teacher=tmp_path / "first")
    assert not (tmp_path / "out").exists()
    start([record()], model=tmp_path / "first")


def test_an_encoder_stored_in_half_precision_is_as_good_as_any(encoder_folder, start, tmp_path):
    transformer, tokenizer = bare_encoder(encoder_folder)
    transformer.half().save_pretrained(tmp_path / "half")
    tokenizer.save(str(tmp_path / "half" / "tokenizer.json"))
    for path in encoder_folder.glob("*token*.json"):
        (tmp_path / "half" / path.name).write_bytes(path.read_bytes())
    start([record()], encoder=tmp_path / "half")
    weights = [*load_system(tmp_path / "out").parameters()]
    assert {one.dtype for one in weights} == {torch.float32}


def test_a_run_that_measures_no_more_keeps_what_it_learned_last(encoder_folder, tmp_path):
    def trainer(seconds):
        transformer, tokenizer = bare_encoder(encoder_folder)
        every = tasks([record()])
        system = build("atlop", transformer, tokenizer, every[0].labels, SMALL)
        pace = DocumentPace(seconds / 60, head_rate=1e-2)
        return system, every, DocumentTrainer(
            system, pace, tmp_path / "state.pt", clock=count().__next__
        )  # fmt: skip

    system, every, first = trainer(10)
    first.train(every, lambda _: None, lambda: 0.5)
    before = system.classifier.weight.clone()
    system, every, second = trainer(60)
    second.train(every, lambda _: None)
    assert second.steps > first.steps
    assert not torch.equal(system.classifier.weight, before)


def test_a_loss_that_is_no_number_never_reaches_the_weights(encoder_folder, tmp_path, monkeypatch):
    transformer, tokenizer = bare_encoder(encoder_folder)
    every = tasks([record()])
    system = build("atlop", transformer, tokenizer, every[0].labels, SMALL)
    trainer = DocumentTrainer(system, DocumentPace(1.0), tmp_path / "state.pt")
    loss = type(system).loss
    monkeypatch.setattr(type(system), "loss", lambda *of: loss(*of) * torch.nan)
    for _ in range(9):
        trainer.step(every)
    with pytest.raises(ModelError, match="the loss is no number any more"):
        trainer.step(every)
    assert all(torch.isfinite(weight).all() for weight in system.parameters())


def test_weights_can_be_read_by_whoever_may_read_the_rest(start, tmp_path):
    start([record()])
    modes = {path.stat().st_mode for path in (tmp_path / "out").iterdir()}
    assert len(modes) == 1


@pytest.mark.skipif(os.name == "nt", reason="a path that no user can make")
def test_a_folder_that_cannot_be_made_is_told(start):
    with pytest.raises(ModelError, match=r"/dev/null/out: cannot be written to: Not a directory"):
        start([record()], out="/dev/null/out")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"relations": [{"head": 0, "type": None, "tail": 1}]}, "None is no type"),
        ({"entities": [{"type": 5, "mentions": [[0, 3]]}], "relations": []}, "5 is no type"),
        ({"entities": [{"type": "a", "mentions": [[0.0, 3]]}], "relations": []}, "0.0 is no place"),
        ({"relations": [{"head": "0", "type": "met", "tail": 1}]}, "'0' is no entity"),
        ({"relations": [{"head": 0.0, "type": "met", "tail": 1}]}, "0.0 is no entity"),
    ],
)
def test_what_is_no_annotation_is_told_with_its_line(changes, complaint, tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(RAW) + "\n" + json.dumps(RAW | changes), "utf-8")
    with pytest.raises(DocumentError, match=rf"bad\.jsonl:2: not an annotated record: {complaint}"):
        read_set(path)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"[1, 2]", "not an annotated record: it is no JSON object"),
        (b'{"text": ', "it is not JSON: Expecting value at character 9"),
        (b'{"text": "\xff"}', "codec can't decode"),
    ],
)
def test_what_is_no_record_is_told_in_one_line(line, complaint, tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(line)
    with pytest.raises(DocumentError, match=complaint) as error:
        read_set(path)
    assert "\n" not in str(error.value)


def test_a_mark_that_windows_puts_first_is_no_trouble(tmp_path):
    path = tmp_path / "windows.jsonl"
    path.write_text(json.dumps(RAW), "utf-8-sig")
    [found] = read_set(path)
    assert (found.text, found.id) == (TEXT, "windows.jsonl:1")


def test_a_damaged_file_is_told(tmp_path):
    packed = bytearray(gzip.compress(json.dumps(RAW).encode() * 50))
    packed[20:40] = b"\xff" * 20
    path = tmp_path / "damaged.jsonl.gz"
    path.write_bytes(bytes(packed))
    with pytest.raises(DocumentError, match=r"damaged\.jsonl\.gz: cannot be read"):
        read_set(path)
