"""`kgbuild entities`: what was taken for one thing, and deciding otherwise."""

import json

import pytest
from reading import Letters, ingested

import kgbuild.embeddings
from kgbuild.cli import entities

TEXTS = {
    "a.txt": "Ada Lovelace works for Acme Corp. Volodymyr Zelensky works for Globex.",
    "b.txt": "Ada Lovelace founded Initech. Volodymyr Zelenskyy founded Acme Corp.",
}


@pytest.fixture(autouse=True)
def _letters(monkeypatch):
    monkeypatch.setattr(kgbuild.embeddings, "Embedder", lambda **_: Letters())


@pytest.fixture
def graph(tmp_path):
    with ingested(tmp_path, TEXTS):
        return tmp_path / "kg"


def test_list(run, graph):
    code, out, err = run("entities", "list", "--from", graph, "--type", "person")
    assert (code, err) == (0, "")
    assert out.splitlines()[1] == "person/Ada_Lovelace\tAda Lovelace\tperson\t2\t"

    [entity] = json.loads(run("entities", "list", "--from", graph, "--limit", 1, "--json").out)[
        "entities"
    ]
    assert entity["id"] == "company/Acme_Corp"


def test_show_tells_every_decision(run, graph):
    out = run("entities", "show", "Volodymyr Zelensky", "--from", graph).out
    assert "Volodymyr Zelenskyy\tb.txt\t1" in out
    assert "merge\tVolodymyr Zelensky\tVolodymyr Zelenskyy\t0.89\tspelling" in out

    shown = json.loads(run("entities", "show", "Ada Lovelace", "--from", graph, "--json").out)
    assert [name["document"] for name in shown["names"]] == ["a.txt", "b.txt"]
    assert (shown["decisions"], shown["judgements"]) == ([], [])


def test_merge_split_and_undo(run, graph):
    out = run("entities", "merge", "Ada Lovelace", "Volodymyr Zelensky", "--from", graph).out
    assert out.startswith("person/Ada_Lovelace  Ada Lovelace; Volodymyr Zelensky")
    out = run("entities", "show", "Ada Lovelace", "--from", graph).out
    assert "By hand: decision 1, Ada Lovelace is the same as Volodymyr Zelensky" in out

    parts = run("entities", "split", "Ada Lovelace", "--name", "Ada Lovelace", "--from", graph).out
    assert len(parts.splitlines()) == 2
    undone = json.loads(run("entities", "undo", "--from", graph, "--json").out)
    assert (undone["number"], undone["same"]) == (2, False)
    assert "Undone: decision 1" in run("entities", "undo", "--from", graph).out
    code, _, err = run("entities", "undo", "--from", graph)
    assert (code, err) == (1, "error: there is no decision to undo\n")


def test_a_split_needs_to_know_what_to_take_out(run, graph):
    code, _, err = run("entities", "split", "Ada Lovelace", "--from", graph)
    assert code == 2
    assert "--name, --document" in err


def test_a_review_in_a_pipe_is_a_table_that_takes_answers(run, graph, tmp_path):
    table = run("entities", "review", "--from", graph).out
    header, line = table.splitlines()
    assert header.split("\t")[0] == "answer"
    assert line.split("\t")[1:4] == ["Volodymyr Zelensky", "Volodymyr Zelenskyy", "one"]

    filled = tmp_path / "answers.tsv"
    filled.write_text(f"{header}\nn{line}\n")
    out = run("entities", "review", "--from", graph, "--answers", filled).out
    assert out == "1 pair decided\n"
    both = run("entities", "list", "--from", graph, "--type", "person").out
    assert "person/Volodymyr_Zelenskyy\t" in both
    assert json.loads(run("entities", "review", "--from", graph, "--json").out) == {"questions": []}

    code, _, err = run("entities", "review", "--from", graph, "--answers", filled)
    assert (code, err) == (
        1,
        f"error: {filled}, line 2: not an open question; run `review` again\n",
    )


@pytest.mark.parametrize(("answer", "decided"), [("y", 1), ("n", 1), ("skip", 0), ("q", 0)])
def test_a_review_at_a_terminal_asks(run, graph, monkeypatch, answer, decided):
    monkeypatch.setattr(entities, "is_terminal", lambda: True)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: answer)
    out = run("entities", "review", "--from", graph).out
    assert "spelling, embeddings agree" in out
    assert f"{decided} pair" in out
