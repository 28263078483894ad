import os
from collections.abc import Callable
from typing import NamedTuple

import pytest

os.environ["PYTHONSAFEPATH"] = "1"  # child processes import what is installed, never ./kgbuild


class Outcome(NamedTuple):
    """What a command leaves behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys) -> Callable[..., Outcome]:
    """Run a command as the console script does: `run("ingest", folder, "--json")`."""
    from kgbuild.cli import main

    def run_main(*arguments: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit:
            main([str(argument) for argument in arguments])
        return Outcome(exit.value.code or 0, *capsys.readouterr())

    return run_main
