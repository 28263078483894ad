import json
import random
from pathlib import Path

import pytest

from kgbuild.errors import DocumentError, OntologyError
from kgbuild.extraction import Extractor, fingerprint_of
from kgbuild.ontology import Ontology, calibration_beside
from kgbuild.scores import calibrated, raw
from kgbuild.training.calibration import calibrate, surely_better, to_yaml
from kgbuild.training.data import parse_line
from kgbuild.training.judging import Judge, Tally
from kgbuild.training.platt import Judged, calibration_error, platt

ONTOLOGY = """
name: test
entities: [person, city]
relations:
  works with: {head: person, tail: person, symmetric: true}
  in: {head: person, tail: city}
"""
NAMES = ("Ada", "Charles", "Lovelace", "Babbage")


def line(head, tail):
    text = f"{head} works with {tail} in London"
    start = len(head) + 12
    return {
        "text": text,
        "entities": [
            {"type": "person", "mentions": [[0, len(head)]]},
            {"type": "person", "mentions": [[start, start + len(tail)]]},
            {"type": "city", "mentions": [[len(text) - 6, len(text)]]},
        ],
        "relations": [{"head": 0, "type": "works with", "tail": 1}],
    }


LINES = [line(a, b) for a in NAMES for b in NAMES if a != b]


def write(path, lines):
    path.write_text("".join(json.dumps(one) + "\n" for one in lines), "utf-8")
    return path


@pytest.fixture
def ontology(tmp_path) -> Path:
    path = tmp_path / "test.yaml"
    path.write_text(ONTOLOGY, "utf-8")
    return path


@pytest.fixture
def model(checkpoint_folder, tmp_path):
    """The untrained checkpoint with thresholds that let about half of everything through."""
    folder = tmp_path / "model"
    folder.mkdir()
    for path in checkpoint_folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "kgbuild.json").write_text('{"threshold": 0.6, "relation_threshold": 0.6}')
    return folder


def test_platt_scaling_finds_the_map_that_made_the_scores():
    draw = random.Random(0)
    scores = [draw.uniform(0.02, 0.98) for _ in range(4000)]
    right = [draw.random() < calibrated(score, (0.5, -1.0)) for score in scores]
    assert platt(scores, right) == pytest.approx((0.5, -1.0), abs=0.1)


def test_a_type_with_few_examples_stays_near_the_others():
    common = (1.0, -1.0)
    one = platt([0.9], [True], common, (0.2, 0.7))
    many = platt([0.9] * 100, [True] * 100, common, (0.2, 0.7))
    assert abs(one[1] - common[1]) < 0.3 < abs(many[1] - common[1])


def test_a_raw_score_and_what_it_is_worth_are_each_others_inverse():
    assert raw(calibrated(0.3, (0.5, -1.0)), (0.5, -1.0)) == pytest.approx(0.3)
    assert calibrated(0.5, (2.0, 0.0)) == pytest.approx(0.5)
    assert [calibrated(score, (0.5, -1.0)) for score in (0.0, 1.0)] == [0.0, 1.0]


def test_the_error_is_how_far_scores_are_from_the_share_of_right():
    sure = [Judged("t", 0.95, True)] * 1 + [Judged("t", 0.95, False)] * 3
    assert calibration_error(sure) == pytest.approx(0.7)
    assert calibration_error([Judged("t", 0.25, i == 0) for i in range(4)]) == pytest.approx(0.0)
    assert calibration_error([]) == 0.0


def test_what_could_be_chance_is_not_surely_better():
    right, wrong = Tally(1, 1, 1), Tally(0, 1, 1)
    assert surely_better([right] * 20, [wrong] * 20)
    assert not surely_better([right] * 10 + [wrong] * 10, [wrong] * 9 + [right] * 9 + [wrong] * 2)


def test_what_is_learnt_lies_beside_the_ontology_and_is_used(ontology, model, tmp_path):
    plain = Ontology.load(ontology)
    result = calibrate([write(tmp_path / "judged.jsonl", LINES)], plain, model, device="cpu")
    assert result.texts == len(LINES)
    assert result.after.mention_error < result.before.mention_error
    calibration_beside(ontology).write_text(to_yaml(result.ontology), "utf-8")
    loaded = Ontology.load(ontology)
    assert loaded == result.ontology
    assert Ontology.parse(loaded.to_yaml()) == loaded, "so that a graph remembers it"
    assert fingerprint_of(model, loaded) != fingerprint_of(model, plain)
    assert Extractor(model, loaded, device="cpu")


def test_scores_that_are_calibrated_for_another_model_are_refused(ontology, model):
    beside = calibration_beside(ontology)
    beside.write_text("calibrated_for: other@1\nentities: {person: {threshold: 0.3}}\n", "utf-8")
    with pytest.raises(OntologyError, match="for the model other@1, not model@.*calibrate"):
        Extractor(model, Ontology.load(ontology), device="cpu")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("entities: {ghost: {threshold: 0.3}}", "`ghost` is not in ontology `test`"),
        ("entities: {person: {calibration: [1]}}", "test.calibration.yaml:1: .* two numbers"),
        ("entities: {person: {calibration: [-1, 0]}}", "slope must be above 0"),
    ],
)
def test_a_calibration_that_does_not_fit_is_told(ontology, text, complaint):
    calibration_beside(ontology).write_text(text, "utf-8")
    with pytest.raises(OntologyError, match=complaint):
        Ontology.load(ontology)


def test_types_that_the_ontology_lacks_are_told(ontology, model, tmp_path):
    lines = [{**one, "relations": [{"head": 0, "type": "knows", "tail": 1}]} for one in LINES]
    with pytest.raises(OntologyError, match=r"judged.jsonl: .*`knows`"):
        calibrate([write(tmp_path / "judged.jsonl", lines)], Ontology.load(ontology), model)


def test_a_handful_of_texts_is_too_few(ontology, model, tmp_path):
    with pytest.raises(DocumentError, match="3 texts are too few"):
        calibrate([write(tmp_path / "judged.jsonl", LINES[:3])], Ontology.load(ontology), model)


FACT = {
    "text": "Ada works with Charles; Charles is glad.",
    "head": "Ada",
    "relation": "works with",
    "tail": "Charles",
}


@pytest.mark.parametrize("accepted", [True, False])
def test_a_judged_fact_speaks_of_nothing_else(accepted):
    [record] = parse_line({**FACT, "accepted": accepted}, "made")
    judge = Judge(record, Ontology.parse(ONTOLOGY))
    assert judge.relation((0, 3), "works with", (15, 22)) is accepted
    assert judge.relation((24, 31), "works with", (0, 3)) is accepted, "it is symmetric"
    assert judge.relation((0, 3), "in", (15, 22)) is None
    assert judge.mention((0, 3), "person") is None


def test_an_exported_triple_is_judged_by_its_evidence():
    evidence = {"start": 100, "quote": FACT["text"], "head": [100, 103], "tail": [115, 122]}
    exported = {"head": {"name": "Ada L."}, "type": "works with", "evidence": [evidence, evidence]}
    records = parse_line({**exported, "accepted": False}, "made")
    assert [record.mentions for record in records] == [(((0, 3),), ((15, 22),))] * 2
    assert records[0].denied == ((0, "works with", 1),)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"head": "Eve"}, "head 'Eve'"), ({"accepted": "yes"}, "true or false")],
)
def test_a_fact_that_is_none_is_told(change, complaint):
    with pytest.raises(ValueError, match=complaint):
        parse_line({**FACT, "accepted": True, **change}, "made")
