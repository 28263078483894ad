"""`kgbuild train` and `kgbuild calibrate`, on the annotated examples."""

import json
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def examples(tmp_path):
    """The annotated texts and their ontology, in a folder that may be written to."""
    for name in ("annotated.jsonl", "ontology.yaml"):
        (tmp_path / name).write_bytes((EXAMPLES / name).read_bytes())
    return tmp_path


@pytest.fixture
def few(examples):
    """A dozen of the annotated texts."""
    lines = (examples / "annotated.jsonl").read_text("utf-8").splitlines(keepends=True)
    path = examples / "few.jsonl"
    path.write_text("".join(lines[:12]), "utf-8")
    return path


def test_train_prints_before_and_after_and_leaves_a_model(run, examples, few, checkpoint_folder):
    code, out, err = run(
        "train", few, "--out", examples / "model",
        "--model", checkpoint_folder, "--minutes", "0.02", "--device", "cpu",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert [row.split("\t")[0] for row in out.splitlines()[:3]] == ["", "before", "after"]
    assert "Measured on 1 record held out" in out
    note = examples / "note.txt"
    note.write_text("Ada works with Charles in London.", "utf-8")
    arguments = ("--ontology", examples / "ontology.yaml", "--model", examples / "model")
    assert run("extract", note, *arguments).code == 0


def test_train_prints_one_json_object(run, examples, few, checkpoint_folder):
    out = run(
        "train", few, "--dev", few, "--json",
        "--out", examples / "model", "--model", checkpoint_folder, "--minutes", "0.01",
    ).out  # fmt: skip
    told = json.loads(out)
    assert (told["records"], told["development_records"]) == (12, 12)
    assert told["after"]["relations"].keys() == {"precision", "recall", "f1", "gold"}


def test_a_document_level_system_is_trained_and_measured(run, examples, few, encoder_folder):
    code, out, _ = run(  # where transformers is loaded already, it shows a bar
        "train", few, "--dev", few, "--out", examples / "pairs", "--minutes", "0.02",
        "--system", "atlop", "--encoder", encoder_folder, "--device", "cpu",
    )  # fmt: skip
    assert code == 0
    assert [row.split("\t")[0] for row in out.splitlines()[:2]] == ["", "after"]
    assert "Trained atlop on 12 records" in out
    code, out, err = run("eval", few, "--system", examples / "pairs", "--train", few)
    assert (code, err) == (0, "")
    measures = [row.split("\t")[2] for row in out.splitlines()]
    assert measures == ["measure", "facts, given entities", "facts, unseen"]
    piped = run("eval", few, "--relations", examples / "pairs", "--limit", "2", "--json")
    assert json.loads(piped.out)["sets"][0]["records"] == 2
    told = json.loads(run("eval", few, "--system", examples / "pairs", "--json").out)
    assert told["system"] == str(examples / "pairs")


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["train", "{folder}/annotated.jsonl"], 2, "Missing option '--out'"),
        (["train", "{folder}/nothing.jsonl", "--out", "x"], 2, "does not exist"),
        (["train", "{folder}/annotated.jsonl", "--out", "{folder}"], 1, "is not empty"),
        (
            ["train", "{folder}/annotated.jsonl", "--out", "x", "--model", "y", "--encoder", "z"],
            2,
            "give one",
        ),
        (
            ["train", "{folder}/annotated.jsonl", "--out", "x", "--system", "y"],
            2,
            "there are atlop",
        ),
        (
            [
                "train",
                "{folder}/annotated.jsonl",
                "--out",
                "x",
                "--system",
                "atlop",
                "--model",
                "y",
            ],
            2,
            "is no start for a new atlop; give --encoder",
        ),
        (
            ["train", "{folder}/annotated.jsonl", "--out", "x", "--teacher", "{folder}"],
            2,
            "is for --system kd-docre",
        ),
        (
            ["train", "{folder}/annotated.jsonl", "--out", "x", "--system", "glidre"]
            + ["--teacher", "{folder}"],
            2,
            "glidre learns from no other",
        ),
        (
            ["eval", "{folder}/annotated.jsonl", "--system", "{folder}", "--sweep"],
            2,
            "does not go together with --system",
        ),
        (
            ["eval", "{folder}/annotated.jsonl", "--rerank", "{folder}"],
            2,
            "looks again at what --relations finds, which is not given",
        ),
        (
            ["eval", "{folder}/annotated.jsonl", "--system", "{folder}"],
            1,
            "not a relation system: it has no relations.json",
        ),
        (["train", "{folder}/ontology.yaml", "--out", "{folder}/x"], 1, "ontology.yaml:1: not an"),
        (
            ["train", "{folder}/annotated.jsonl", "--out", "{folder}/x", "--model", "nowhere"],
            1,
            "nowhere: no such model folder",
        ),
        (["calibrate", "{folder}/annotated.jsonl"], 2, "Missing option '--ontology'"),
        (
            ["calibrate", "{folder}/annotated.jsonl", "--ontology", "company"],
            2,
            "'company' is a ready ontology",
        ),
    ],
)
def test_what_is_wrong_is_one_line(run, examples, few, arguments, code, complaint):
    outcome = run(*(argument.format(folder=examples) for argument in arguments))
    assert (outcome.code, outcome.out) == (code, "")
    assert complaint in outcome.err
    assert outcome.err.count("\n") == 1


def test_calibrate_writes_a_file_that_the_other_commands_find(run, examples):
    ontology = examples / "ontology.yaml"
    note = examples / "note.txt"
    note.write_text("Agnes Thorne was born in Saltmere.", "utf-8")
    before = json.loads(run("extract", note, "--ontology", ontology).out)
    code, out, err = run("calibrate", examples / "annotated.jsonl", "--ontology", ontology)
    assert (code, err) == (0, "")
    assert (examples / "ontology.calibration.yaml").exists()
    rows = {row.split("\t")[0]: row.split("\t") for row in out.splitlines() if "\t" in row}
    assert float(rows["after"][3]) < float(rows["before"][3]), "mentions: error"
    assert float(rows["after"][5]) > float(rows["before"][5]) - 5, "relations: F1"
    after = json.loads(run("extract", note, "--ontology", ontology).out)
    assert [m["score"] for m in before["mentions"]] != [m["score"] for m in after["mentions"]]


def test_calibrate_writes_a_whole_copy_elsewhere(run, examples):
    copy = examples / "copy.yaml"
    arguments = ("--ontology", examples / "ontology.yaml", "--out", copy, "--json")
    assert run("calibrate", examples / "annotated.jsonl", *arguments).code == 0
    assert run("ontology", "check", copy).code == 0
    assert "calibrated_for: bundled@" in copy.read_text("utf-8")
    assert not (examples / "ontology.calibration.yaml").exists()
