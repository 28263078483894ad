"""How well hard names are resolved: pairwise precision, recall and F1, for each class of failures.

    python benchmarks/resolution_hard.py                          # our own records, with context
    python benchmarks/resolution_hard.py --no-context --untyped   # names alone
    python benchmarks/resolution_hard.py --aliases FILE           # also alias_clusters.jsonl.gz
    python benchmarks/resolution_hard.py --repeated FILE          # also knowledgenet.jsonl.gz
    python benchmarks/resolution_hard.py --documents FILE         # also redocred.jsonl.gz

Every record is a name in a document of its own. `resolution_hard.tsv` is ours (CC0): a class, the
thing that is meant, its type, and a sentence with the name in brackets. A pair counts for a class
if both or either of its records are of it: recall is over pairs within it, precision over all pairs
that it takes part in. In the class `namesake`, one name means several things.

`--aliases` are the names under which documents know one thing, `--repeated` passages in which names
are linked to what they mean: there, names that are equal must by and large stay together.
`--documents` are documents with all their mentions: these are grouped within each document.
"""

import argparse
import csv
import gzip
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from kgbuild.embeddings import Embedder
from kgbuild.ontology import Ontology
from kgbuild.resolution import Name, resolve

HARD = Path(__file__).with_name("resolution_hard.tsv")
UNTYPED = "thing"
ABOVE = {  # of the types in passages with linked names
    "country": "location",
    "city": "location",
    "educational institution": "organization",
    "political party": "organization",
}

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Record:
    """A name in a document of its own, and the thing that it means."""

    kind: str
    thing: str
    type: str
    name: str
    context: str = ""


def hard(path: Path = HARD) -> Iterator[Record]:
    """The records of our own."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            before, name, after = re.split(r"[\[\]]", row["sentence"])
            yield Record(row["class"], row["thing"], row["type"], name, before + name + after)


def aliases(path: Path) -> Iterator[Record]:
    """The names of each thing, each once; things that share an id are one."""
    seen = set()
    for row in _lines(path):
        thing = row["kb_id"]
        if not thing or len(row["names"]) > 10 or row["source"] == "rebel_sample":
            continue
        for name in row["names"]:
            if (thing, name) not in seen:
                seen.add((thing, name))
                yield Record(row["source"], thing, row["type"], name)


def repeated(path: Path) -> Iterator[Record]:
    """The first mention of each linked thing in each passage."""
    for row in _lines(path):
        for entity in row["entities"]:
            if "kb_id" in entity:
                start, end = entity["mentions"][0]
                name = row["text"][start:end]
                yield Record(row["source"], entity["kb_id"], entity["type"], name, row["text"])


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def grouped(records: Sequence[Record], options: argparse.Namespace) -> Iterator[list[int]]:
    """What resolution makes of them, as numbers of records."""
    types = [UNTYPED if options.untyped else record.type for record in records]
    ontology = ontology_of(types)
    contexts = ["" if options.no_context else record.context for record in records]
    names = [
        Name(str(i), type, record.name, context=context)
        for i, (record, type, context) in enumerate(zip(records, types, contexts, strict=True))
    ]
    embed = None if options.no_embeddings else Embedder().embed
    for cluster in resolve(names, ontology, embed=embed).clusters:
        yield sorted(int(name.document_id) for name in cluster.names)


def ontology_of(types: Iterable[str]) -> Ontology:
    """One that has these types."""
    found = set(types)
    above = {type: {"is_a": ABOVE[type]} for type in found if ABOVE.get(type) in found}
    entities = {type: above.get(type, {}) for type in sorted(found)}
    return Ontology.parse(json.dumps({"name": "benchmark", "entities": entities}))


def documents(path: Path) -> tuple[float, float]:
    """Strict F1 of clusters and B³ F1 over all mentions, each document resolved by itself."""
    right = found = wanted = mentions = 0
    precision = recall = 0.0
    for row in _lines(path):
        gold, named = [], defaultdict(set)
        for entity in row["entities"]:
            gold.append(frozenset(tuple(span) for span in entity["mentions"]))
            for start, end in gold[-1]:
                named[entity["type"], row["text"][start:end]].add((start, end))
        names = [Name("a", type, text, len(spans)) for (type, text), spans in named.items()]
        resolution = resolve(names, ontology_of(type for type, _ in named))
        groups = [c.names for c in resolution.clusters] + [(n,) for n in resolution.left_out]
        ours = [
            frozenset(span for name in group for span in named[name.type, name.text])
            for group in groups
        ]
        right += len(set(ours) & set(gold))
        found, wanted = found + len(ours), wanted + len(gold)
        for one in ours:
            for other in gold:
                precision += len(one & other) ** 2 / len(one)
                recall += len(one & other) ** 2 / len(other)
        mentions += sum(map(len, gold))
    return f1(right / found, right / wanted), f1(precision / mentions, recall / mentions)


def f1(precision: float, recall: float) -> float:
    """Their harmonic mean."""
    return 2 * precision * recall / max(precision + recall, 1e-9)


def pairs(groups: Iterable[Sequence[int]]) -> set[Pair]:
    """All pairs within groups."""
    return {pair for group in groups for pair in combinations(group, 2)}


def table(records: Sequence[Record], found: set[Pair]) -> Iterator[tuple[str, ...]]:
    """Pairs wanted and found, precision, recall, F1: for each class, then for all."""
    things = defaultdict(list)
    for i, record in enumerate(records):
        things[record.thing].append(i)
    wanted = pairs(things.values())
    for kind in dict.fromkeys(record.kind for record in records):
        own = {(i, j) for i, j in wanted | found if kind in (records[i].kind, records[j].kind)}
        yield (kind, *scores(wanted & own, found & own))
    yield ("all", *scores(wanted, found))


def scores(wanted: set[Pair], found: set[Pair]) -> tuple[str, ...]:
    """Cells of a line of the table."""
    right = len(wanted & found)
    precision, recall = right / max(len(found), 1), right / max(len(wanted), 1)
    both = f1(precision, recall)
    return str(len(wanted)), str(len(found)), *map("{:.3f}".format, (precision, recall, both))


def namesakes(records: Sequence[Record], found: set[Pair]) -> tuple[str, ...]:
    """The same for pairs of one name only, whatever the case: repeated names and namesakes."""
    same = defaultdict(list)
    for i, record in enumerate(records):
        same[record.name.casefold()].append(i)
    equal = pairs(same.values())
    wanted = {(i, j) for i, j in equal if records[i].thing == records[j].thing}
    return ("equal names", *scores(wanted, found & equal))


def show(title: str, records: Sequence[Record], options: argparse.Namespace) -> None:
    """Resolve and print."""
    started = time.process_time()
    found = pairs(grouped(records, options))
    seconds = time.process_time() - started
    sys.stdout.write(f"{title}: {len(records):,} records, {seconds:.1f} s of processor time\n")
    sys.stdout.write("class\twanted\tfound\tprecision\trecall\tF1\n")
    for line in (*table(records, found), namesakes(records, found)):
        sys.stdout.write("\t".join(line) + "\n")
    if options.errors:
        for error in errors(records, found):
            sys.stdout.write(error + "\n")


def errors(records: Sequence[Record], found: set[Pair]) -> Iterator[str]:
    """What was missed and what was wrong, a pair a line."""
    things = defaultdict(list)
    for i, record in enumerate(records):
        things[record.thing].append(i)
    for mark, kind in (
        ("missed", pairs(things.values()) - found),
        ("wrong", found - pairs(things.values())),
    ):
        for i, j in sorted(kind):
            yield f"{mark}\t{records[i].kind}\t{records[i].name}\t{records[j].name}"


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--aliases", type=Path, help="alias_clusters.jsonl.gz")
    parser.add_argument("--repeated", type=Path, help="passages with linked names")
    parser.add_argument("--documents", type=Path, help="documents with all their mentions")
    parser.add_argument("--untyped", action="store_true", help="one type for all records")
    parser.add_argument("--no-context", action="store_true", help="names without sentences")
    parser.add_argument("--no-embeddings", action="store_true", help="names and rules alone")
    parser.add_argument("--errors", action="store_true", help="list what went wrong")
    options = parser.parse_args()
    show("hard names", list(hard()), options)
    if options.aliases:
        show("aliases", list(aliases(options.aliases)), options)
    if options.repeated:
        show("repeated names", list(repeated(options.repeated)), options)
    if options.documents:
        strict, b_cubed = documents(options.documents)
        sys.stdout.write(f"within documents: strict F1 {strict:.3f}, B³ F1 {b_cubed:.3f}\n")


if __name__ == "__main__":
    main()
