"""A graph for `neo4j-admin database import`: a zip file of two CSV files and how to import them.

It fills a new database in the fastest way there is. `kgbuild push` then finds all of it in place,
and only adds vectors and indexes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from kgbuild.connectors.neo4j.layout import Layout
from kgbuild.connectors.neo4j.rows import Link, Node, bundles, nodes
from kgbuild.connectors.store import ReadableGraph

_README = """\
Unzip, then import into a database that does not exist yet or is stopped:

    neo4j-admin database import full neo4j --overwrite-destination \\
        --nodes=nodes.csv --relationships=relationships.csv \\
        --id-type=string --array-delimiter=U+001F --multiline-fields=true

Start the database. `kgbuild push` adds vectors and indexes, and keeps it in step from then on.
"""
_BETWEEN = "\x1f"  # the items of a list

_OF_NODES = (
    "kgbuildKey:ID kgbuildDigest:string kgbuildLabels:string[] id:string name:string type:string"
    " aliases:string[] mentions:long datatype:string document:string index:long start:long end:long"
    " text:string source:string title:string metadata:string"
).split()
_OF_LINKS = (
    "kgbuildKey:string kgbuildDigest:string type:string score:double count:long documents:string[]"
    " chunks:long[] quotes:string[] spans:long[] scores:double[] models:string[]"
).split()


def write_neo4j_csv(graph: ReadableGraph, out: BinaryIO) -> None:
    """Write the zip file; the same graph is always the same bytes."""
    layout = Layout()
    links = (link for bundle in bundles(graph, layout) for link in bundle.links)
    with ZipFile(out, "w") as archive:
        _add(archive, "README.txt", [_README])
        _add(archive, "nodes.csv", _node_lines(nodes(graph, layout)))
        _add(archive, "relationships.csv", _link_lines(links))


def _add(archive: ZipFile, name: str, lines: Iterable[str]) -> None:
    info = ZipInfo(name)
    info.compress_type = ZIP_DEFLATED
    with archive.open(info, "w", force_zip64=True) as file:
        for line in lines:
            file.write(line.encode())


def _node_lines(nodes: Iterable[Node]) -> Iterator[str]:
    yield _line([*_OF_NODES, ":LABEL"])
    for node in nodes:
        ours = {"kgbuildKey": node.key, "kgbuildLabels": list(node.labels)}
        yield _line([*_cells(_OF_NODES, {**node.properties, **ours}, node.digest), node.labels])


def _link_lines(links: Iterable[Link]) -> Iterator[str]:
    yield _line([*_OF_LINKS, ":START_ID", ":END_ID", ":TYPE"])
    for link in links:
        properties = {**link.properties, "kgbuildKey": link.key}
        cells = _cells(_OF_LINKS, properties, link.digest)
        yield _line([*cells, link.head, link.tail, link.type])


def _cells(columns: Iterable[str], properties: Mapping[str, Any], digest: str) -> list[object]:
    """The columns' values. What a list cannot hold has no digest, so that a push puts it right."""
    exact = not any(
        isinstance(value, list) and any(_BETWEEN in str(item) for item in value)
        for value in properties.values()
    )
    known = {**properties, "kgbuildDigest": digest if exact else None}
    return [known.get(column.partition(":")[0]) for column in columns]


def _line(cells: Sequence[object]) -> str:
    return ",".join(map(_cell, cells)) + "\n"


def _cell(value: object) -> str:
    """Nothing for None; all else in quotes, so that an empty text is one."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        items = (str(item).replace(_BETWEEN, "\N{REPLACEMENT CHARACTER}") for item in value)
        value = _BETWEEN.join(items)
    text = str(value).replace('"', '""')
    return f'"{text}"'
