import json

import pytest

from kgbuild.errors import DocumentError
from kgbuild.evaluation.benchmark import evaluate, make_ontology
from kgbuild.training.data import parse_record

RAW = {
    "text": "Ada Lovelace works in London.",
    "source": "made",
    "entities": [
        {"type": "person", "mentions": [[0, 12]]},
        {"type": "city", "mentions": [[22, 28]]},
    ],
    "relations": [{"head": 0, "type": "works in", "tail": 1}],
}


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "made.jsonl"
    path.write_text("".join(json.dumps({**RAW, "id": str(i)}) + "\n" for i in range(6)))
    return path


def test_a_set_is_extracted_and_compared(data, checkpoint_folder):
    result = evaluate(data, checkpoint_folder, device="cpu")
    assert (result.name, result.records) == ("made", 6)
    assert [counts.gold for counts in result.mentions] == [2] * 6
    assert [counts.gold for counts in result.relations] == [1] * 6
    assert result.to_json()["mentions"].keys() >= {"precision", "recall", "f1", "f1_low", "f1_high"}


def test_a_limit_takes_records_evenly(data, checkpoint_folder):
    assert evaluate(data, checkpoint_folder, device="cpu", limit=2).records == 2


def test_records_that_bring_their_types_give_ends_and_descriptions():
    raw = {
        **RAW,
        "entity_types": {"person": "a human", "city": "a town"},
        "relation_types": {
            "works in": {"head": ["person"], "tail": ["city"], "description": "has a job there"}
        },
    }
    ontology = make_ontology([parse_record(raw, "made")])
    assert ontology.entities["person"].description == "a human"
    assert ontology.allows("works in", "person", "city")
    assert not ontology.allows("works in", "city", "person")


def test_untyped_sources_are_asked_for_common_types():
    raw = {**RAW, "entities": [{"type": "entity", "mentions": [[0, 12]]}], "relations": []}
    assert "person" in make_ontology([parse_record(raw, "made")]).entities


def test_a_file_that_is_no_annotated_set_is_named(tmp_path, checkpoint_folder):
    path = tmp_path / "wrong.jsonl"
    path.write_text("[1]\n")
    with pytest.raises(DocumentError, match=r"wrong\.jsonl:1"):
        evaluate(path, checkpoint_folder)


def test_the_command_prints_a_table_or_json(run, data, checkpoint_folder):
    shown = run("eval", data, "--model", checkpoint_folder, "--device", "cpu")
    assert shown.code == 0
    assert "made" in shown.out
    outcome = run("eval", data, "--model", checkpoint_folder, "--limit", 3, "--json")
    assert json.loads(outcome.out)["sets"][0]["records"] == 3
