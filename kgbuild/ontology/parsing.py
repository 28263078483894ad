"""YAML text → the parts of an ontology, or every mistake with its line.

The file may come from a stranger: no tags, no aliases, little nesting. Values are read from the
node tree itself, not from constructed objects, because nodes know their lines and because a
relation called `on` must stay `on` (YAML 1.1 would make it true).
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from kgbuild.errors import OntologyError
from kgbuild.ontology.rules import MOST_PROBLEMS, UNWRITABLE, Key, Problem, near, problems
from kgbuild.ontology.types import EntityType, RelationType

MAX_BYTES = 4 * 2**20
MAX_DEPTH = 16

_TAG = "tag:yaml.org,2002:"
_KINDS = ("str", "int", "float", "bool", "null", "timestamp", "value", "seq", "map")
_TAGS = {_TAG + kind for kind in _KINDS}
_FLAGS: dict[str, bool] = yaml.SafeLoader.bool_values

_Read = Callable[[yaml.Node, Key], Any]


def read_text(path: Path) -> str:
    """The text of an ontology file, or one line on why it cannot be had."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise OntologyError(f"{path}: there is no such file; check the path") from error
    except IsADirectoryError as error:
        raise OntologyError(f"{path}: is a folder; give the ontology file itself") from error
    except OSError as error:
        raise OntologyError(f"{path}: cannot be read ({error.strerror}); check the file") from error
    if len(data) > MAX_BYTES:
        raise OntologyError(f"{path}: is larger than {MAX_BYTES >> 20} MiB; split the ontology")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise OntologyError(f"{path}:{line}: is not UTF-8; save the file as UTF-8") from error


def parse(text: str, source: str) -> dict[str, Any]:
    """The arguments of an `Ontology`, as far as the text gives them.

    Raises:
        OntologyError: One `source:line: key: problem` per line, in the order of the file.
    """
    root = _compose(text, source)
    if root is None:
        raise OntologyError(f"{source}:1: is empty; define `entities` and `relations`")
    if not isinstance(root, yaml.MappingNode):
        raise OntologyError(f"{source}:{_line(root)}: is not a mapping; define `entities` in it")
    reader = _Reader()
    parts = {"entities": {}, "relations": {}} | reader.ontology(root)
    broken = problems(parts.get("prefix", ""), parts["entities"], parts["relations"])
    # A key that could not be read is one complaint, not two.
    unread = {problem.key for _, problem in reader.found}
    found = reader.found + [(reader.line(p.key), p) for p in broken if p.key not in unread]
    if found:
        first = sorted(found)[:MOST_PROBLEMS]
        raise OntologyError("\n".join(f"{source}:{line}: {problem}" for line, problem in first))
    return parts


def dump(content: Mapping[str, Any]) -> str:
    """Plain data as YAML, in its own order."""
    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=100)


class _Loader(yaml.SafeLoader):
    """YAML reduced to nested lists, mappings and plain values."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        mark: yaml.Mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            _stop("an alias (`*…`) is not allowed; write the value out", mark)
        if self.depth == MAX_DEPTH:
            _stop("is nested too deeply; see the page on the format", mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        if node is not None and node.tag not in _TAGS:
            _stop("a tag (`!…`) or merge key (`<<`) is not allowed; remove it", mark)
        return node


def _stop(problem: str, mark: yaml.Mark) -> None:
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _compose(text: str, source: str) -> yaml.Node | None:
    line = 0
    try:
        loader = _Loader(text)
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, complaint = mark.line if mark else 0, error.problem or error.context
    except yaml.reader.ReaderError as error:
        line, complaint = text.count("\n", 0, error.position), error.reason
    except (OverflowError, ValueError):  # chr() of an escape such as "\UFFFFFFFF"
        line, complaint = loader.line, "an escape names no character"
    raise OntologyError(f"{source}:{line + 1}: not valid YAML: {complaint}")


class _Reader:
    """Walks the nodes; notes each problem and goes on, and remembers the line of each key."""

    def __init__(self) -> None:
        self.found: list[tuple[int, Problem]] = []
        self.lines: dict[Key, int] = {}

    def line(self, key: Key) -> int:
        """The line of a key or, where the file does not spell it out, of what it stands in."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)

    def ontology(self, root: yaml.Node) -> dict[str, Any]:
        readers: dict[str, _Read] = {
            "name": self.text,
            "prefix": self.text,
            "calibrated_for": self.text,
            "entities": self.entities,
            "relations": self.relations,
        }
        return self.record(root, (), readers)

    def entities(self, node: yaml.Node, key: Key) -> dict[str, EntityType]:
        readers: dict[str, _Read] = {
            "description": self.text,
            "label": self.text,
            "aliases": self.texts,
            "is_a": self.text,
            "literal": self.text,
            "threshold": self.number,
            "calibration": self.slope_and_offset,
        }
        return {
            name: EntityType(name, **self.details(details, (*key, name), readers))
            for name, details in self.entries(_long_form(node), key)
        }

    def relations(self, node: yaml.Node, key: Key) -> dict[str, RelationType]:
        readers: dict[str, _Read] = {
            "description": self.text,
            "label": self.text,
            "head": self.texts,
            "tail": self.texts,
            "is_a": self.text,
            "inverse": self.text,
            "symmetric": self.flag,
            "asymmetric": self.flag,
            "functional": self.flag,
            "inverse_functional": self.flag,
            "transitive": self.flag,
            "threshold": self.number,
            "calibration": self.slope_and_offset,
        }
        return {
            name: RelationType(name, **self.details(details, (*key, name), readers))
            for name, details in self.entries(_long_form(node), key)
        }

    def details(self, node: yaml.Node, key: Key, readers: Mapping[str, _Read]) -> dict[str, Any]:
        """What a type's own keys say; a name with nothing after it says nothing."""
        return {} if _is_null(node) else self.record(node, key, readers)

    def record(self, node: yaml.Node, key: Key, readers: Mapping[str, _Read]) -> dict[str, Any]:
        """The values of a fixed set of keys, each read in its own way."""
        values = {}
        for name, value in self.entries(node, key):
            if name not in readers:
                hint = near(name, readers)
                self.report(value, (*key, name), f"is not a key of the format; {hint}")
            elif _is_null(value):
                self.report(value, (*key, name), "has no value; give one or remove the key")
            else:
                values[name] = readers[name](value, (*key, name))
        return {name: value for name, value in values.items() if value is not None}

    def entries(self, node: yaml.Node, key: Key) -> Iterator[tuple[str, yaml.Node]]:
        """The names defined at a key with what is said of them; a repeated one is a problem."""
        if not isinstance(node, yaml.MappingNode):
            self.report(node, key, "is not a mapping; write `name: value` pairs")
            return
        first: dict[str, int] = {}
        for name_node, value in node.value:
            name = self.text(name_node, key)
            if name in first:
                hint = f"is defined twice (first on line {first[name]}); keep one"
                self.report(name_node, (*key, name), hint)
            elif name is not None:
                first[name] = self.lines[*key, name] = _line(name_node)
                yield name, value

    def text(self, node: yaml.Node, key: Key) -> str | None:
        words = " ".join(node.value.split()) if isinstance(node, yaml.ScalarNode) else ""
        if words and not UNWRITABLE.search(words):
            return words
        what = "has a control character" if words else "is not text"
        self.report(node, key, f"{what}; write plain words")
        return None

    def texts(self, node: yaml.Node, key: Key) -> tuple[str, ...]:
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not items:
            self.report(node, key, "is an empty list; remove it")
        return tuple(words for item in items if (words := self.text(item, key)) is not None)

    def number(self, node: yaml.Node, key: Key) -> float | None:
        try:
            return float(node.value)
        except (TypeError, ValueError):
            self.report(node, key, "is not a number; write one such as 0.5")
            return None

    def slope_and_offset(self, node: yaml.Node, key: Key) -> tuple[float, float] | None:
        items = node.value if isinstance(node, yaml.SequenceNode) else []
        numbers = [value for item in items if (value := self.number(item, key)) is not None]
        if len(items) != 2:
            self.report(node, key, "is not two numbers; run `kgbuild calibrate` again")
        return (numbers[0], numbers[1]) if len(items) == len(numbers) == 2 else None

    def flag(self, node: yaml.Node, key: Key) -> bool | None:
        value = _FLAGS.get(str(node.value).lower())
        if value is None:
            self.report(node, key, "is not a yes or no; write `true` or `false`")
        return value

    def report(self, node: yaml.Node, key: Key, message: str) -> None:
        self.found.append((_line(node), Problem(key, message)))


def _long_form(node: yaml.Node) -> yaml.Node:
    """`[a, [b, c, d]]` as `{a: , c: {head: b, tail: d}}`; anything else as it is."""
    if not isinstance(node, yaml.SequenceNode):
        return node
    return _mapping(node, [_long_entry(item) for item in node.value])


def _long_entry(node: yaml.Node) -> tuple[yaml.Node, yaml.Node]:
    if not isinstance(node, yaml.SequenceNode) or len(node.value) != 3:
        return node, _scalar(node, "null", "")
    head, name, tail = node.value
    ends = [(_scalar(head, "str", "head"), head), (_scalar(tail, "str", "tail"), tail)]
    return name, _mapping(node, ends)


def _mapping(like: yaml.Node, pairs: list[tuple[yaml.Node, yaml.Node]]) -> yaml.Node:
    return yaml.MappingNode(f"{_TAG}map", pairs, like.start_mark, like.end_mark)


def _scalar(like: yaml.Node, kind: str, value: str) -> yaml.Node:
    return yaml.ScalarNode(f"{_TAG}{kind}", value, like.start_mark, like.end_mark)


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == f"{_TAG}null")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
