"""The command line where no model and no graph is needed: usage, errors, how it prints."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import kgbuild
from kgbuild.cli import app
from kgbuild.cli.terminal import highlighted, one_line, print_table
from kgbuild.datatypes import Evidence

KGBUILD = Path(sys.executable).with_name("kgbuild")


@pytest.fixture
def ontology(tmp_path):
    path = tmp_path / "ontology.yaml"
    path.write_text("entities: [person, city]\nrelations: [[person, lives in, city]]\n", "utf-8")
    return path


@pytest.fixture
def note(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("Ada Lovelace lived in London.", "utf-8")
    return path


def commands(command: Any, path: str = "kgbuild") -> Iterator[tuple[str, Any]]:
    """A command and all below it."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{path} {name}")


@pytest.mark.parametrize(("path", "command"), list(commands(typer.main.get_command(app))))
def test_every_command_and_every_option_has_a_help_sentence(path, command):
    texts = [command.help, *(parameter.help for parameter in command.params)]
    assert all(text and text.rstrip().endswith(".") for text in texts)


def test_the_version_is_the_packages(run):
    assert run("--version") == (0, f"kgbuild {kgbuild.__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["ingest"], "Missing argument 'PATH...'"),
        (["ingest", "nowhere", "--ontology", "company"], "path 'nowhere' does not exist"),
        (["ingest", "{note}", "--ontology", "nothing.yaml"], "no file 'nothing.yaml'"),
        (["ingest", "{note}"], "a new graph needs one"),
        (["ingest", "{note}", "--ontology", "company", "--device", "abacus"], "'abacus'"),
        (["ingest", "{note}", "--ontology", "company", "--into", "{note}"], "is a file"),
        (["extract", "{note}"], "Missing option '--ontology'"),
        (["export", "--format", "papyrus"], "'papyrus' is not one of 'jsonl', 'nt', 'turtle'"),
        (["stats", "--from", "nowhere"], "no graph in 'nowhere'"),
        (["ontology", "check", "nothing.yaml"], "no file 'nothing.yaml'"),
        (["ingets"], "Did you mean 'ingest'?"),
        (["ingest", "--verbose"], "No such option: --verbose"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(run, note, monkeypatch, arguments, complaint):
    monkeypatch.chdir(note.parent)
    code, out, err = run(*(argument.format(note=note) for argument in arguments))
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert complaint in err


def test_an_ontology_is_summed_up(run, ontology):
    code, out, _ = run("ontology", "check", ontology)
    assert code == 0
    assert "2 entity types, 1 relation\n" in out
    assert "lives in\tperson\tcity" in out


def test_a_ready_ontology_goes_by_its_name(run):
    assert run("ontology", "check", "company").code == 0


def test_everything_wrong_with_an_ontology_is_told_and_fails_the_run(run, ontology):
    ontology.write_text("entities: {person: {is_a: ghost}}\nrelations: {owns: {tail: castle}}\n")
    code, out, err = run("ontology", "check", ontology)
    assert (code, out) == (1, "")
    lines = err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"error: {ontology}:") for line in lines)


def test_a_failure_of_ours_keeps_its_traceback(ontology, monkeypatch):
    monkeypatch.setattr("kgbuild.cli.ontology.print_ontology", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        kgbuild.cli.main(["ontology", "check", str(ontology)])


def test_a_reader_that_leaves_early_is_no_error(ontology):
    command = [KGBUILD, "ontology", "check", ontology]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.fixture
def heeded_ctrl_c():
    """A child hears Ctrl-C even if the tests run in the background, where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded_ctrl_c")
def test_ctrl_c_is_quiet(tmp_path):
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    command = [KGBUILD, "ontology", "check", pipe]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        with pipe.open("wb"):  # opens when the command does
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=20) == (b"", b"")
    assert process.returncode == 130


def seen_on_a_terminal(*arguments: object) -> str:
    """What a command prints when both of its outputs are a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([KGBUILD, *arguments], stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while chunk := read_or_nothing(ours):
            shown += chunk
    os.close(ours)
    assert process.returncode == 0
    return shown.decode()


def read_or_nothing(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # how Linux says that the other end is closed
        return b""


def test_a_terminal_gets_colours_and_tables_and_a_pipe_does_not(ontology):
    arguments = ("ontology", "check", ontology)
    assert "\x1b[" in seen_on_a_terminal(*arguments)
    assert "─" in seen_on_a_terminal(*arguments)
    piped = subprocess.check_output([KGBUILD, *arguments], text=True)
    assert "\x1b" not in piped
    assert "─" not in piped


def test_cells_cannot_break_a_table(capsys):
    print_table(["name"], [["tab\tline\nend"], ["[bold]not markup[/bold]"]])
    assert capsys.readouterr().out == "name\ntab line end\n[bold]not markup[/bold]\n"


def test_a_document_cannot_steer_the_terminal():
    assert one_line("red \x1b[31mtext\r\n") == "red  [31mtext  "


def test_a_quote_shows_its_head_and_tail():
    text = "Then Ada\nmet Charles."
    evidence = Evidence("a.txt", 0, 105, 126, text, (110, 113), (118, 125), 0.9, "model")
    quote = highlighted(evidence)
    assert [quote.plain[span.start : span.end] for span in quote.spans] == ["Ada", "Charles"]


def test_output_is_utf8_whatever_the_locale_says(ontology):
    ontology.write_text("entities: [Größe]\nrelations: [größer als]\n", "utf-8")
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [KGBUILD, "ontology", "check", ontology]
    assert "Größe" in subprocess.check_output(command, env=environment).decode("utf-8")
