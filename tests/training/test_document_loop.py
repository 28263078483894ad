"""Document-level systems learn, from documents and from each other."""

import json
from dataclasses import replace
from itertools import count

import pytest
import torch

from kgbuild.errors import DocumentError, ModelError
from kgbuild.evaluation.documents import FACTS, evaluate_system, measure_system
from kgbuild.models.docre import build
from kgbuild.models.docre.context import context_and_sentences
from kgbuild.models.docre.saving import load_system
from kgbuild.training import systems
from kgbuild.training.data import parse_record
from kgbuild.training.document_loop import DocumentPace, DocumentTrainer
from kgbuild.training.documents import tasks
from kgbuild.training.systems import Aside, Plan, bare_encoder, learn, train_system

PEOPLE = ("Ada", "Charles", "Lovelace", "Babbage")
SMALL = {"pair_width": 64}


def line(head, tail, name="works with"):
    """`Ada works with Charles in London`."""
    text = f"{head} {name} {tail} in London"
    start = text.index(tail, len(head))
    return {
        "text": text,
        "entities": [
            {"type": "person", "mentions": [[0, len(head)]]},
            {"type": "person", "mentions": [[start, start + len(tail)]]},
            {"type": "city", "mentions": [[len(text) - 6, len(text)]]},
        ],
        "relations": [{"head": 0, "type": name, "tail": 1}],
    }


LINES = [line(a, b, n) for a in PEOPLE for b in PEOPLE for n in ("works with", "wrote about")]
LINES = [one for one in LINES if len({one["text"].split()[0], one["text"].split()[3]}) == 2]
RECORDS = [parse_record(one, "made") for one in LINES]


@pytest.fixture
def annotated(tmp_path):
    path = tmp_path / "annotated.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in LINES), "utf-8")
    return path


@pytest.fixture
def make(encoder_folder, tokenizer):
    """A small untrained system."""

    def make(system="atlop", **options):
        torch.manual_seed(1)
        transformer, _ = bare_encoder(encoder_folder)
        small = SMALL if system != "glidre" else {}
        small = small | ({"layers": 1, "heads": 4} if system == "kd-docre" else {})
        return build(system, transformer, tokenizer, tasks(RECORDS)[0].labels, small | options)

    return make


def train(system, folder, steps, records=RECORDS, **options):
    """A second for each step."""
    pace = DocumentPace(steps / 60, encoder_rate=1e-3, head_rate=5e-3)
    clock = count().__next__
    trainer = DocumentTrainer(system, pace, folder / "state.pt", clock=clock, **options)
    losses = []
    trainer.train(tasks(records), losses.append)
    return trainer, [one["loss"] for one in losses]


def test_a_system_learns_what_is_annotated(make, tmp_path):
    system = make()
    _, losses = train(system, tmp_path, 60)
    assert losses[-1] < losses[0] / 4
    assert measure_system(system, tasks(RECORDS), name="made").scores[FACTS].f1 > 0.9


def test_a_killed_run_goes_on(make, tmp_path):
    first, _ = train(make(), tmp_path, 10)
    again, _ = train(make(), tmp_path, 15)
    assert first.steps < again.steps < first.steps + 10


def test_encoders_learn_more_slowly_than_the_rest(make, tmp_path):
    pace = DocumentPace(1.0, encoder_rate=0.0, head_rate=1e-2, weight_decay=0.0, warmup=0.0)
    system = make()
    encoder = [one.clone() for one in system.pretrained()]
    rest = system.classifier.weight.clone()
    trainer = DocumentTrainer(system, pace, tmp_path / "state.pt")
    trainer.step(tasks(RECORDS)[:2])
    assert all(map(torch.equal, encoder, system.pretrained()))
    assert not torch.equal(rest, system.classifier.weight)


def test_documents_of_a_step_share_their_labels(make, tmp_path):
    others = [
        parse_record(line("Ada", "Charles", "met"), "other"),
        parse_record(line("Ada", "Babbage", "met"), "other"),
    ]
    trainer = DocumentTrainer(make(), DocumentPace(1.0, documents=4), tmp_path / "state.pt")
    groups = trainer._groups(tasks([*RECORDS[:5], *others]))
    drawn = [next(groups) for _ in range(20)]
    assert {len({task.labels for task in group}) for group in drawn} == {1}
    assert {len(group) for group in drawn} == {4, 1, 2}


def test_a_student_comes_closer_to_its_teacher(make, tmp_path):
    teacher, student = make("atlop"), make("kd-docre")
    train(teacher, tmp_path, 40)
    (tmp_path / "student").mkdir()
    [task] = tasks(RECORDS[:1])

    def distance():
        with torch.no_grad():
            own, taught = (
                one.eval()([task.document], [task.pairs], task.labels)[0]
                for one in (student, teacher)
            )
        return (own.margins - taught.margins).square().mean()

    before = distance()
    train(student, tmp_path / "student", 40, teacher=teacher)
    assert distance() < before / 2
    with pytest.raises(ModelError, match="atlop does not learn from a teacher"):
        train(make("atlop"), tmp_path, 1, teacher=teacher)


def test_pairs_come_to_look_at_their_evidence(make, tmp_path):
    text = f"{LINES[0]['text']}. It is a city."
    stop = len(LINES[0]["text"]) + 1
    told = [LINES[0]["relations"][0] | {"evidence": [1]}]
    changes = {"text": text, "relations": told, "sents": [[0, stop], [stop + 1, len(text)]]}
    record = parse_record(LINES[0] | changes, "made")
    [task] = tasks([record, RECORDS[1]])[:1]

    def share_after(weight):
        system = make(evidence=weight)
        folder = tmp_path / str(weight)
        folder.mkdir()
        train(system, folder, 40, records=[record, RECORDS[1]])
        with torch.no_grad():
            states = system.encoder([task.document], attention=True)[0]
            return context_and_sentences(states, task.pairs[:1], 2)[1][0, 1].item()

    assert share_after(1.0) > 0.5 + share_after(0.0) / 2


@pytest.mark.parametrize(
    ("seconds_each", "measured", "while_training"), [(0.1, 24, True), (1, 6, True), (10, 5, False)]
)
def test_as_many_are_measured_as_there_is_time_for(
    make, monkeypatch, seconds_each, measured, while_training
):
    monkeypatch.setattr(systems, "_FEWEST_FACTS", 1)
    clock = count(step=seconds_each).__next__
    aside = Aside(make(), tasks(RECORDS), 1, seconds=60, clock=clock)
    assert (len(aside.tasks), aside.while_training) == (measured, while_training)


def test_few_facts_choose_neither_weights_nor_shift(make):
    system = make()
    aside = Aside(system, tasks(RECORDS), 1, seconds=60, clock=count(step=0.1).__next__)

    assert aside.settle() is not None
    assert not aside.while_training
    assert (system.shift, system.temperature) == (0.0, 1.0)


def test_documents_without_pairs_teach_nothing_and_stop_nothing(make, tmp_path):
    alone = parse_record({**LINES[0], "entities": LINES[0]["entities"][:1], "relations": []}, "x")
    system = make("kd-docre")
    train(system, tmp_path, 2, records=[alone, *RECORDS[:2]])


def test_a_teacher_must_have_learned_its_threshold(make, tmp_path):
    with pytest.raises(ModelError, match="glidre is no teacher for kd-docre"):
        train(make("kd-docre"), tmp_path, 1, teacher=make("glidre"))


def test_relation_types_that_nobody_looked_for_are_not_asked():
    some = parse_record({**LINES[0], "annotated_relations": ["works with"]}, "made")
    task, other = tasks([some, RECORDS[1]])

    assert task.labels.names == ("works with",)
    assert other.labels.names == ("works with", "wrote about")
    assert len(task.pairs) == len(task.document.pairs)


def test_what_takes_any_labels_is_asked_for_those_of_other_documents_too(make, tmp_path):
    kinds = ("owns", "fears", "knows", "meets", "hires")
    records = [
        parse_record(line(head, tail, kind), kind)
        for kind in kinds
        for head, tail in (("Ada", "Charles"), ("Charles", "Ada"))
    ]
    pace = DocumentPace(1.0, documents=2)

    def groups(system):
        trainer = DocumentTrainer(system, pace, tmp_path / "none.pt")
        drawn = trainer._groups(tasks(records))
        return [next(drawn) for _ in range(10)]

    together = groups(make("glidre"))
    assert {task.record.text for group in together for task in group} == {r.text for r in records}
    for group in together:
        assert len({task.labels for task in group}) == 1
        assert len(group[0].labels.names) >= 2
        for task in group:
            [(_, name, _)] = task.record.relations
            held = torch.nonzero(task.targets).tolist()
            assert held == [[0, task.labels.names.index(name)]]
    assert all(group[0].labels.names in [(kind,) for kind in kinds] for group in groups(make()))


def test_short_documents_are_learned_from_many_at_a_time(make):
    system, plan = make(), Plan("atlop")
    short = [replace(RECORDS[0], text="x" * n) for n in [250] * 2000]
    assert systems._pace(system, plan, short, 1.0, 1).documents == 10
    assert systems._pace(system, plan, short[:400], 1.0, 1).documents == 4  # else too few steps
    long = [replace(RECORDS[0], text="x" * 50_000)]
    assert systems._pace(system, plan, long, 1.0, 1).documents == 2


def test_training_leaves_a_folder_that_can_be_measured_and_gone_on_with(
    annotated, encoder_folder, tmp_path
):
    plan, out = Plan("atlop", encoder=encoder_folder, options=SMALL), tmp_path / "out"
    clock = count().__next__
    trained = learn(RECORDS, RECORDS[:6], out, plan, run="", minutes=1, device="cpu", clock=clock)
    assert (trained.records, trained.development, trained.before) == (24, 6, None)
    assert not (out / "state.pt").exists()
    few = tmp_path / "few.jsonl"
    few.write_text("".join(json.dumps(one) + "\n" for one in LINES[:6]), "utf-8")
    again = evaluate_system(few, out, device="cpu").scores[FACTS].f1
    assert again == pytest.approx(trained.after.f1)
    more, onwards = tmp_path / "more", Plan(model=out)
    again = train_system([annotated], more, onwards, minutes=0.02, device="cpu")
    assert again.before is not None
    assert load_system(more).known == load_system(out).known
    with pytest.raises(ModelError, match="holds the finished model"):
        train_system([annotated], more, onwards, minutes=0.02, device="cpu")


def test_the_joint_model_can_be_the_start_of_relex(annotated, checkpoint_folder, tmp_path):
    plan = Plan("relex", model=checkpoint_folder)
    trained = train_system([annotated], tmp_path / "out", plan, minutes=0.02, device="cpu")
    assert trained.system == "relex"
    assert evaluate_system(annotated, tmp_path / "out", device="cpu").records == 24


def test_text_without_relations_is_refused(annotated, encoder_folder, tmp_path):
    annotated.write_text(json.dumps(LINES[0] | {"relations": []}) + "\n", "utf-8")
    with pytest.raises(DocumentError, match="no record has a relation"):
        train_system([annotated], tmp_path / "out", Plan("atlop", encoder=encoder_folder))
