import json
from itertools import count

import pytest
import torch

from kgbuild.datatypes import Document
from kgbuild.errors import DocumentError, ModelError
from kgbuild.extraction import Extractor, Settings
from kgbuild.ontology import Ontology
from kgbuild.training import finetune
from kgbuild.training.finetune import fine_tune
from kgbuild.training.loop import Trainer

PEOPLE = ("Ada", "Charles", "Lovelace", "Babbage")


def line(head, tail, related=True):
    """`Ada works with Charles in London`, or the two only named together."""
    text = f"{head} {'works with' if related else 'wrote about'} {tail} in London"
    start = text.index(tail, len(head))
    return {
        "text": text,
        "entities": [
            {"type": "person", "mentions": [[0, len(head)]]},
            {"type": "person", "mentions": [[start, start + len(tail)]]},
            {"type": "city", "mentions": [[len(text) - 6, len(text)]]},
        ],
        "relations": [{"head": 0, "type": "works with", "tail": 1}] if related else [],
    }


LINES = [line(a, b, related) for a in PEOPLE for b in PEOPLE for related in (True, False) if a != b]


def write(path, lines):
    path.write_text("".join(json.dumps(one) + "\n" for one in lines), "utf-8")
    return path


def test_a_tenth_of_the_texts_is_held_out(annotated):
    training, held_out = finetune._split([annotated], None, seed=1)
    assert (len(training), len(held_out)) == (22, 2)
    assert not {one.text for one in training} & {one.text for one in held_out}
    assert finetune._split([annotated], None, seed=1)[1] == held_out


@pytest.fixture
def annotated(tmp_path):
    return write(tmp_path / "annotated.jsonl", LINES)


def tune(annotated, model, out, minutes=0.05, **options):
    """A second has fifty steps, however busy the machine is."""
    clock = count(0.0, 0.02).__next__
    return fine_tune(
        [annotated], out, model=model, minutes=minutes, device="cpu", clock=clock, **options
    )


def test_training_leaves_a_better_model_that_can_be_used(
    annotated, checkpoint_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(finetune, "_TRAINED_RATES", (3e-3, 3e-3))  # the model is tiny
    tuned = tune(annotated, checkpoint_folder, tmp_path / "out", minutes=0.1, development=annotated)
    assert (tuned.records, tuned.development, tuned.held_out) == (24, 24, False)
    assert tuned.after.score > tuned.before.score
    settings = Settings.read(tmp_path / "out")
    assert settings.threshold == tuned.after.threshold
    ontology = Ontology.parse("name: o\nentities: [person, city]\nrelations: [works with]")
    extractor = Extractor(tmp_path / "out", ontology, device="cpu")
    (found,) = extractor.extract([Document("d", LINES[0]["text"])])
    assert found.extraction.mentions
    assert not (tmp_path / "out" / "state.pt").exists()


@pytest.mark.slow
def test_the_model_in_the_box_learns_from_a_few_sentences(annotated, tmp_path):
    tuned = tune(annotated, "bundled", tmp_path / "out", minutes=0.03)
    assert tuned.after.mentions.f1 > 0.9
    assert tuned.after.score > tuned.before.score


def test_a_bare_encoder_can_be_the_start(annotated, encoder_folder, tmp_path):
    tuned = tune(annotated, "bundled", tmp_path / "out", encoder=encoder_folder)
    assert tuned.before is None
    assert Extractor(tmp_path / "out", Ontology.parse("entities: [person]"), device="cpu")


def test_a_killed_run_goes_on_and_a_finished_one_stays(
    annotated, checkpoint_folder, tmp_path, monkeypatch
):
    step, out = Trainer.step, tmp_path / "out"

    def killed(self, group):
        if self.steps == 5:
            raise KeyboardInterrupt
        return step(self, group)

    monkeypatch.setattr(Trainer, "step", killed)
    with pytest.raises(KeyboardInterrupt):
        tune(annotated, checkpoint_folder, out)
    assert torch.load(out / "state.pt", weights_only=True)["progress"][0] == 5
    first = []
    monkeypatch.setattr(Trainer, "step", lambda self, g: first.append(self.steps) or step(self, g))
    tune(annotated, checkpoint_folder, out)
    assert first[0] == 5
    with pytest.raises(ModelError, match="holds the finished model"):
        tune(annotated, checkpoint_folder, out)
    with pytest.raises(ModelError, match="another seed"):
        tune(annotated, checkpoint_folder, out, seed=2)


def test_a_folder_with_anything_else_is_left_alone(annotated, checkpoint_folder, tmp_path):
    with pytest.raises(ModelError, match="is not empty"):
        tune(annotated, checkpoint_folder, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["annotated.jsonl"]


def without(key):
    return [{**one, key: []} for one in LINES]


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "is empty"),
        (LINES[:4], "4 texts are too few"),
        (without("relations"), "no record has a relation"),
        ([*LINES, {"text": "Ada"}], r":25: not an annotated record: it has no 'entities'"),
        (
            [*LINES, {"text": "A", "entities": [{"type": "x", "mentions": [[0, 9]]}]}],
            ":25: .*0 to 9",
        ),
    ],
)
def test_bad_records_are_told_in_one_line(lines, complaint, checkpoint_folder, tmp_path):
    with pytest.raises(DocumentError, match=complaint) as error:
        tune(write(tmp_path / "bad.jsonl", lines), checkpoint_folder, tmp_path / "out")
    assert "bad.jsonl" in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_more_labels_than_fit_are_asked_for_in_parts(checkpoint_folder):
    lines = [
        {**line("Ada", "Charles"), "entity_types": {f"a very long type {i}": "" for i in range(20)}}
    ]
    from kgbuild.training.data import parse_record
    from kgbuild.training.examples import Mix

    records = [parse_record(one, "made") for one in lines]
    start = finetune._start(checkpoint_folder, None)
    mix = finetune._fitting(Mix(), records, start)
    assert 1 < mix.max_entity_labels < Mix().max_entity_labels


def test_the_model_in_the_box_is_stored_in_8_bits_and_trains_in_full():
    start = finetune._start("bundled", None)
    assert {parameter.dtype for parameter in start.network.parameters()} == {torch.float32}
    assert all(parameter.requires_grad for parameter in start.network.parameters())
