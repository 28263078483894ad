"""From files to a graph on the command line, with the model in the box."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

KGBUILD = Path(sys.executable).with_name("kgbuild")
LETTERS = {
    "ada.txt": "Ada Lovelace was born in London. She worked with Charles Babbage.",
    "babbage.md": "# A life\n\nCharles Babbage was born in London and worked for Acme.",
    "rows.jsonl": '{"id": "row", "text": "Acme was founded in 1843 by Charles Babbage."}\n',
}
ONTOLOGY = """
entities: {person: , company: , city: , date: {literal: date}}
relations:
  works for: {head: person, tail: company}
  born in: {head: person, tail: city}
  founded on: {head: company, tail: date}
"""
BAD = {
    "empty.txt": b"",
    "binary.txt": b"\x00\x01\x02" * 100,
    "broken.pdf": b"%PDF-1.7 and nothing else",
    "broken.docx": b"PK\x03\x04 not a zip",
    "broken.json": b"{",
    "textless.csv": b"id,name\n1,Ada\n",
}


@pytest.fixture
def folder(tmp_path):
    """Documents and an ontology, in folders of their own."""
    (tmp_path / "letters").mkdir()
    for name, text in LETTERS.items():
        (tmp_path / "letters" / name).write_text(text, "utf-8")
    (tmp_path / "ontology.yaml").write_text(ONTOLOGY, "utf-8")
    return tmp_path


@pytest.fixture
def ingest(run, folder):
    """Ingest the letters, or other paths, into `folder/kg`."""

    def run_ingest(*arguments, paths=("letters",), ontology="ontology.yaml"):
        where = [folder / path for path in paths]
        return run(
            "ingest", *where, "--ontology", folder / ontology, "--into", folder / "kg", *arguments
        )

    return run_ingest


def documents(outcome) -> dict[str, int]:
    return json.loads(outcome.out)["documents"]


def test_json_is_one_object_with_the_keys_that_scripts_rely_on(ingest):
    code, out, err = ingest("--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert report["documents"] == {"read": 3, "unchanged": 0, "failed": 0, "removed": 0}
    counts = {"chunks", "mentions", "relations", "entities", "triples", "coverage", "seconds"}
    assert counts <= report.keys()
    assert report["coverage"] == 1.0


def test_the_report_says_what_was_done(ingest):
    code, out, err = ingest()
    assert (code, err) == (0, "")
    assert "3 read" in out
    assert "100.0% of the text was read" in out


def test_a_known_entity_keeps_its_id(ingest, run, folder):
    (folder / "known.csv").write_text("id,type,name\nQ46633,person,Charles Babbage\n", "utf-8")
    assert ingest("--known", folder / "known.csv").code == 0
    shown = run("entities", "show", "Q46633", "--from", folder / "kg", "--json").out
    assert json.loads(shown)["name"] == "Charles Babbage"

    (folder / "known.csv").write_text("id,name\nQ46633,Charles Babbage\n", "utf-8")
    code, _, err = ingest("--known", folder / "known.csv")
    assert (code, err.count("\n")) == (1, 1)
    assert "known.csv: has no column 'type'" in err


def test_a_second_run_reads_nothing_and_changes_nothing(ingest, run, folder):
    ingest()
    export = ("export", "--from", folder / "kg", "--format", "nt")
    before = run(*export).out
    assert documents(ingest("--json")) == {"read": 0, "unchanged": 3, "failed": 0, "removed": 0}
    assert run(*export).out == before


def test_a_second_run_loads_no_torch_and_needs_no_ontology(ingest, folder):
    ingest()
    code = (
        "import sys; from kgbuild.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as exit: print(exit.code, 'torch' in sys.modules)"
    )
    arguments = ["ingest", folder / "letters", "--into", folder / "kg"]
    out = subprocess.check_output([sys.executable, "-c", code, *arguments], text=True)
    assert out.splitlines()[-1] in {"None False", "0 False"}


def test_the_graph_is_the_same_however_the_files_are_given(ingest, run, folder):
    ingest()
    together = run("export", "--from", folder / "kg", "--format", "nt").out
    arguments = ["--ontology", folder / "ontology.yaml", "--into", folder / "kg2"]
    run("ingest", *(folder / "letters" / name for name in reversed(LETTERS)), *arguments)
    assert run("export", "--from", folder / "kg2", "--format", "nt").out == together


def test_changed_and_deleted_files_are_replaced_and_removed(ingest, folder):
    ingest()
    (folder / "letters" / "ada.txt").write_text("Ada Lovelace went to Paris.", "utf-8")
    (folder / "letters" / "babbage.md").unlink()
    assert documents(ingest("--json")) == {"read": 1, "unchanged": 1, "failed": 0, "removed": 1}


def test_a_graph_among_its_documents_is_not_read(run, folder):
    arguments = [folder / "letters", "--into", folder / "letters" / "kg", "--json"]
    run("ingest", *arguments, "--ontology", folder / "ontology.yaml")
    again = json.loads(run("ingest", *arguments).out)
    assert again["documents"]["unchanged"] == 3
    assert again["skipped"] == 0


def test_what_cannot_be_read_gets_a_line_each_and_the_rest_is_written(ingest, folder):
    for name, content in BAD.items():
        (folder / "letters" / name).write_bytes(content)
    outcome = ingest("--json")
    assert outcome.code == 3
    assert documents(outcome)["read"] == 3
    failures = [failure["document"] for failure in json.loads(outcome.out)["failures"]]
    assert sorted(id.partition("#")[0] for id in failures) == sorted(BAD)
    lines = outcome.err.splitlines()
    assert len(lines) == len(BAD)
    for name in BAD:
        assert any(line.startswith(f"error: {name}") for line in lines)


def test_a_store_is_written_as_well(ingest, run, folder):
    assert ingest("--store", folder / "graph.nt").code == 0
    exported = run("export", "--from", folder / "kg", "--format", "nt").out
    assert (folder / "graph.nt").read_text("utf-8") == exported


def test_an_unknown_store_fails_before_anything_is_read(ingest, folder):
    code, out, err = ingest("--store", "papyrus://library")
    assert (code, out) == (1, "")
    assert err.startswith("error: papyrus://")
    assert not (folder / "kg").exists()


def test_a_model_that_is_not_there_fails_in_one_line(ingest, folder):
    code, out, err = ingest("--model", folder / "letters")
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_nothing_but_the_report_is_printed_when_piped(folder):
    arguments = ["--ontology", "ontology.yaml", "--device", "cpu"]
    command = [KGBUILD, "ingest", "letters", *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, check=True, text=True)
    assert result.stderr == ""
    assert "\x1b" not in result.stdout
    assert (folder / "kg" / "ledger.sqlite").exists()


def test_extract_prints_a_line_for_each_document(run, folder):
    paths = [folder / "letters" / "ada.txt", folder / "letters" / "babbage.md"]
    code, out, err = run("extract", *paths, "--ontology", "general")
    assert (code, err) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["document"] for line in lines] == ["ada.txt", "babbage.md"]
    ada = lines[0]
    assert ada.keys() == {"document", "coverage", "mentions", "relations"}
    assert ada["coverage"] == 1.0
    for mention in ada["mentions"]:
        assert LETTERS["ada.txt"][mention["start"] : mention["end"]] == mention["text"]
        assert mention.keys() == {"start", "end", "text", "type", "score"}
    for relation in ada["relations"]:
        assert relation.keys() == {"head", "tail", "type", "score"}
        assert {relation["head"], relation["tail"]} <= set(range(len(ada["mentions"])))


def test_extract_goes_on_after_a_file_that_cannot_be_read(run, folder):
    (folder / "letters" / "empty.txt").touch()
    code, out, err = run("extract", folder / "letters", "--ontology", folder / "ontology.yaml")
    assert code == 3
    assert len(out.splitlines()) == 3
    assert err.startswith("error: empty.txt: ")


def test_a_device_that_is_not_there_fails_in_one_line(ingest):
    absent = "cuda" if sys.platform == "darwin" else "mps"
    code, out, err = ingest("--device", absent)
    assert (code, out) == (1, "")
    assert err == f"error: device '{absent}': there is none on this machine; use `auto` or `cpu`\n"
