"""The command line: `kgbuild COMMAND`. One file per command; a command parses, calls, prints.

Nothing heavy is imported here, so that `kgbuild --help` answers at once: each command imports
what it needs when it runs.

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done, but some inputs failed; 130 interrupted.
"""

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from kgbuild.cli import (
    calibrate,
    diff,
    entities,
    eval,
    explain,
    export,
    extract,
    ingest,
    ontology,
    push,
    query,
    remove,
    search,
    stats,
    train,
)
from kgbuild.cli.terminal import print_error, use_utf8
from kgbuild.errors import KgbuildError

app = typer.Typer(
    name="kgbuild",
    help="Knowledge graphs from your documents and your ontology, with evidence on every edge.",
    epilog="Exit codes: 0 done · 1 failed · 2 wrong usage · 3 done, but some inputs failed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(ingest.ingest)
app.command()(stats.stats)
app.command()(search.search)
app.command()(explain.explain)
app.command()(query.query)
app.command()(export.export)
app.command()(push.push)
app.command()(diff.diff)
app.command()(remove.remove)
app.command()(extract.extract)
app.command()(eval.eval)
app.command()(train.train)
app.command()(calibrate.calibrate)
app.add_typer(entities.app, name="entities")
app.add_typer(ontology.app, name="ontology")


def print_version(wanted: bool) -> None:
    """Print the version and leave, whatever else was asked for."""
    if wanted:
        import kgbuild

        typer.echo(f"kgbuild {kgbuild.__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Declare the options of `kgbuild` itself."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command. The one place where an error becomes a message and an exit code.

    Anything that is not listed here is a bug, and keeps its traceback.
    """
    use_utf8()
    silence_libraries()
    try:
        code = app(arguments, prog_name="kgbuild", standalone_mode=False)
        sys.stdout.flush()
    except KgbuildError as error:
        print_error(str(error))
        code = 1
    except typer.TyperException as error:
        print_error(error.format_message())
        code = error.exit_code
    except BrokenPipeError:  # whoever read our output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)


def silence_libraries() -> None:
    """Keep the log lines, warnings and bars of other packages off the terminal.

    What they have to say to a user, kgbuild says itself. An explicit wish of the user's
    environment (`PYTHONWARNINGS`, `TRANSFORMERS_VERBOSITY`, ...) stands.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())  # no handler: warnings go to stderr
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
