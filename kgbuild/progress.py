"""Telling whoever watches how far a long run is.

The library reports to a `Progress` and knows nothing of terminals; `bar()` is the one for people.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress


class Progress(Protocol):
    """A run is a row of stages, and a stage counts the things it has done."""

    def stage(self, name: str) -> None:
        """A new stage begins, named for people ("Extracting"); the one before it is done."""

    def advance(self, count: int = 1) -> None:
        """So many more things of the current stage are done."""


class Silent:
    """Progress that nobody watches."""

    def stage(self, name: str) -> None: ...

    def advance(self, count: int = 1) -> None: ...


class Bar:
    """Progress as one line on a terminal; it vanishes at the end, so that results stand alone."""

    def __init__(self, live: "RichProgress") -> None:
        self._live = live
        self._task = live.add_task("Starting", total=None, done="")
        self._done = 0

    def stage(self, name: str) -> None:
        self._done = 0
        self._live.reset(self._task, description=name, done="")

    def advance(self, count: int = 1) -> None:
        self._done += count
        self._live.update(self._task, done=f"{self._done:,}")


@contextmanager
def bar() -> Iterator[Progress]:
    """A bar on standard error if that is a terminal, otherwise silence."""
    if not sys.stderr.isatty():
        yield Silent()
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    live = RichProgress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[done]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # standard output is for data, and may go elsewhere
    )
    with live:
        yield Bar(live)
