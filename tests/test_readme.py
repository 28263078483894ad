"""What the README shows works, in the order in which it shows it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Every `kgbuild …` and example of the shell blocks, without what sets up the environment."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    calls = (re.search(r"(kgbuild|python examples/\S+) .*", line) for line in lines)
    return [call[0] for call in calls if call]


def run(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the examples, as a fresh clone has them."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "examples", folder / "examples")
    return folder


@pytest.mark.slow
def test_every_command_works(folder):
    assert commands()[0] == ("kgbuild ingest examples/documents --ontology examples/ontology.yaml")
    for command in commands():
        result = run(folder, command)
        assert result.returncode == 0, command
        assert result.stderr == "" or command.startswith("python"), command
        assert result.stdout or "--output" in command


@pytest.mark.slow
def test_the_commands_for_neo4j_work(folder, neo4j):
    [block] = [block for block in blocks("console") if "neo4j://" in block]
    calls = [line for line in block.splitlines() if line.startswith("kgbuild")]
    assert run(folder, commands()[0]).returncode == 0
    assert [call.split()[1] for call in calls] == ["push", "diff", "push", "ingest"]
    for call in calls:
        command = call.replace("neo4j://localhost:7687", neo4j.url)
        result = run(folder, command)
        assert (result.returncode, result.stderr) == (0, ""), command
    [queries] = blocks("cypher")
    assert all(neo4j.rows(query) for query in queries.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("example", blocks("python"), ids=["graph", "langchain"])
def test_the_python_examples_work(folder, example):
    result = subprocess.run(
        [sys.executable, "-c", example], cwd=folder, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout


def test_the_files_it_links_to_are_there():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
