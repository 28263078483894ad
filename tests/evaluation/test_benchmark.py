import json

import pytest

from kgbuild.errors import DocumentError
from kgbuild.evaluation import evaluate

RAW = {
    "text": "Ada Lovelace works in London.",
    "source": "made",
    "entities": [
        {"type": "person", "mentions": [[0, 12]]},
        {"type": "city", "mentions": [[22, 28]]},
    ],
    "relations": [{"head": 0, "type": "works in", "tail": 1}],
}
ONTOLOGY = """
entities: [person, city]
relations:
  works in: {head: person, tail: city}
"""


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture
def data(tmp_path):
    return write(tmp_path / "made.jsonl", *({**RAW, "id": str(i)} for i in range(6)))


@pytest.fixture
def measure(run, data, checkpoint_folder):
    def measure(*options, path=data):
        return run("eval", path, "--model", checkpoint_folder, "--device", "cpu", *options)

    return measure


def test_a_set_is_read_and_compared(data, checkpoint_folder):
    result = evaluate(data, checkpoint_folder, device="cpu")
    assert (result.name, result.records) == ("made", 6)
    assert list(result.scores) == ["mentions", "relations", "relations, strict"]
    assert (result.scores["mentions"].gold, result.scores["relations"].gold) == (12, 6)
    assert set(result.by_type["mentions"]) == {"person", "city"}


def test_a_limit_takes_records_evenly(data, checkpoint_folder):
    assert evaluate(data, checkpoint_folder, device="cpu", limit=2).records == 2


def test_a_file_that_is_no_annotated_set_is_named(tmp_path, checkpoint_folder):
    path = tmp_path / "wrong.jsonl"
    path.write_text("[1]\n")
    with pytest.raises(DocumentError, match=r"wrong\.jsonl:1"):
        evaluate(path, checkpoint_folder)


def test_a_file_in_which_nothing_is_annotated_is_named(tmp_path, checkpoint_folder):
    path = write(tmp_path / "bare.jsonl", {"text": "Ada", "entities": []})
    with pytest.raises(DocumentError, match=r"bare\.jsonl: .* nothing to compare"):
        evaluate(path, checkpoint_folder, device="cpu")


def test_the_command_prints_a_row_for_each_measure(measure):
    shown = measure()
    assert (shown.code, shown.err) == (0, "")
    header, *rows = shown.out.splitlines()
    assert header.split("\t")[:3] == ["set", "records", "measure"]
    assert [row.split("\t")[:3] for row in rows] == [
        ["made", "6", measure] for measure in ("mentions", "relations", "relations, strict")
    ]


def test_types_and_thresholds_are_printed_on_demand(measure):
    lines = measure("--by-type", "--sweep", "--given-mentions").out.splitlines()
    rows = [line.split("\t") for line in lines]
    assert ["made", "6", "relations, given"] in [row[:3] for row in rows]
    assert ["made: mentions", "P", "R"] in [row[:3] for row in rows]
    assert {"city", "person", "works in"} <= {row[0] for row in rows}
    assert ["made", "0.9"] in [row[:2] for row in rows]


def test_json_has_everything(measure, data):
    outcome = measure("--json", "--sweep", "--limit", 3, "--train", data)
    [found] = json.loads(outcome.out)["sets"]
    assert (found["set"], found["records"]) == ("made", 3)
    assert found["scores"].keys() >= {"mentions", "facts", "facts, unseen"}
    assert found["scores"]["mentions"].keys() == {
        "precision", "recall", "f1", "f1_low", "f1_high", "gold"
    }  # fmt: skip
    assert found["by_type"]["relations"].keys() == {"works in"}
    assert [level["threshold"] for level in found["sweep"]][:2] == [0.1, 0.2]


def test_an_ontology_may_say_what_the_types_mean(measure, tmp_path):
    (tmp_path / "o.yaml").write_text(ONTOLOGY)
    assert measure("--ontology", tmp_path / "o.yaml").code == 0
    (tmp_path / "o.yaml").write_text("entities: [person, city]")
    outcome = measure("--ontology", tmp_path / "o.yaml")
    assert outcome.code == 1
    assert "`works in`" in outcome.err


def test_an_ontology_for_another_model_is_refused(measure, tmp_path):
    (tmp_path / "o.yaml").write_text("calibrated_for: another\n" + ONTOLOGY)
    outcome = measure("--ontology", tmp_path / "o.yaml")
    assert outcome.code == 1
    assert "another" in outcome.err


ADA = {"type": "person", "mentions": [[0, 3]]}


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (None, 2),
        ("", 1),
        ("{}", 1),
        (json.dumps({"text": 1, "entities": []}), 1),
        (json.dumps({"text": "Ada", "entities": [{**ADA, "type": 5}]}), 1),
        (json.dumps({"text": "Ada", "entities": [{**ADA, "type": " "}]}), 1),
        (json.dumps({"text": "Ada", "entities": [{**ADA, "mentions": [[0, 3.0]]}]}), 1),
        (json.dumps({"text": "Ada", "entities": [{**ADA, "mentions": [[0, 9]]}]}), 1),
    ],
)
def test_bad_input_is_one_line(measure, tmp_path, lines, code):
    path = tmp_path / "bad.jsonl"
    if lines is not None:
        path.write_text(lines)
    outcome = measure(path=path)
    assert (outcome.code, outcome.out) == (code, "")
    [line] = outcome.err.splitlines()
    assert "bad.jsonl" in line
