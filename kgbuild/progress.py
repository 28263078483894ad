"""Telling whoever watches how far a long run is.

The library reports to a `Progress` and knows nothing of terminals; `bar()` is the one for people.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class Progress(Protocol):
    """A run is a row of stages; a stage counts things, up to a total where one is known."""

    def stage(self, name: str, total: int | None = None) -> None:
        """A new stage begins, named for people ("Extracting"); the one before it is done."""

    def advance(self, count: int = 1) -> None:
        """So many more things of the current stage are done."""


class Silent:
    """Progress that nobody watches."""

    def stage(self, name: str, total: int | None = None) -> None: ...

    def advance(self, count: int = 1) -> None: ...


class Bar:
    """Progress as one line on a terminal; it vanishes at the end, so that results stand alone."""

    def __init__(self, live: "RichProgress") -> None:
        self._live = live
        self._task: TaskID | None = None

    def stage(self, name: str, total: int | None = None) -> None:
        if self._task is not None:
            self._live.remove_task(self._task)
        self._task = self._live.add_task(name, total=total)

    def advance(self, count: int = 1) -> None:
        if self._task is not None:
            self._live.advance(self._task, count)


@contextmanager
def bar() -> Iterator[Progress]:
    """A bar on standard error if that is a terminal, otherwise silence."""
    if not sys.stderr.isatty():
        yield Silent()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as RichProgress

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    live = RichProgress(
        *columns,
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # standard output is for data, and may go elsewhere
    )
    with live:
        yield Bar(live)
