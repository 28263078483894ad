"""What the commands print with: data on standard output, everything else on standard error.

A terminal gets colours and tables; a pipe gets plain lines and tab-separated columns.
"""

import io
import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from kgbuild.datatypes import Evidence

_NUMBER = re.compile(r"-?[\d,]+(\.\d+)?%?")


def use_utf8() -> None:
    """JSON is UTF-8, and so is what we print, whatever the locale says."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def stdout() -> "Console":
    """Standard output for people: lines are wrapped for a terminal, and whole in a pipe."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def print_error(message: str) -> None:
    """`error: …` on standard error, a line for each line, in red where that is a terminal."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for line in message.splitlines():
        console.print(Text.assemble(("error: ", "bold red"), (one_line(line), "red")))


def print_json(value: object) -> None:
    """One value on one line, as it is: no escapes for what UTF-8 can say."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal, tab-separated values with a header in a pipe."""
    lines = ([one_line(str(cell)) for cell in row] for row in rows)
    if sys.stdout.isatty():
        _draw_table(columns, list(lines))
        return
    for line in ([*columns], *lines):
        sys.stdout.write("\t".join(line) + "\n")


def _draw_table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        numeric = all(_NUMBER.fullmatch(line[number]) for line in lines)
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for line in lines:
        table.add_row(*map(Text, line))
    stdout().print(table)


def counted(number: int, one: str, many: str | None = None) -> str:
    """The number with its noun: "1 entity", "2,000 entities"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def one_line(text: str) -> str:
    """The text with a space for each line break or control character: same length, harmless."""
    return "".join(character if character.isprintable() else " " for character in text)


def highlighted(evidence: "Evidence") -> Any:  # noqa: ANN401  # rich is imported when needed
    """The quote, its head and tail in colour."""
    from rich.text import Text

    quote = Text(one_line(evidence.quote))
    for (start, end), style in ((evidence.head, "bold cyan"), (evidence.tail, "bold magenta")):
        quote.stylize(style, start - evidence.start, end - evidence.start)
    return quote
