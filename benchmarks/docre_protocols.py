"""What a score of relations is worth depends on the protocol: the same systems under several.

    python benchmarks/docre_protocols.py textless DATA
    python benchmarks/docre_protocols.py pairs DATA RESULTS --minutes 15 --documents 20

DATA holds `train/redocred.jsonl.gz` and `dev/redocred.jsonl.gz`, of Re-DocRED.

The official protocol asks about every ordered pair of entities in documents that were not trained
on; more than nine in ten pairs have no relation, and finding that out is the task. A system that
is shown related pairs alone, or whose test pairs stand in documents whose other pairs it was
trained on, or that is praised for finding nothing, scores far higher. `textless` shows how far: a
linear model of types, names and what is known of other pairs with these names. It reads no text.
Of the 499 documents, a fifth is kept aside to test on, of documents or of pairs:

    protocol                                              by document   by pair
    related pairs alone: accuracy                                65.1      89.4
    related pairs alone: F1                                      57.1      78.1
    all pairs: accuracy, none being an answer                    82.5      95.7
    all pairs: F1 (by document: the official one)                19.9      49.2
    always "none": accuracy over all pairs                       93.1      93.1
    one answer a pair, always right: F1                          87.2      87.2

`pairs` trains the encoder of arXiv 2507.22926, which reports 88.9 F1 on DocRED, frozen and not,
and its controls, which do not see the document, the entities, or the order of words; for each of
them the official score stands beside that of the same predictions on related pairs alone. Each
run leaves a file in RESULTS and is not done again. Minutes are those of a processor.
"""

import argparse
import json
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from kgbuild.training.data import Record, read_set

if TYPE_CHECKING:
    from kgbuild.models.docre.scoring import RelationSystem
    from kgbuild.training.documents import Task

TEST_SHARE = 0.2
EPOCHS, BATCH, RATE = 4, 512, 0.2
SENTENCE_END = re.compile(r"[.!?]\s+(?=[A-Z\"'(])")
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "fine-tuned": {},
    "fine-tuned, one relation a pair": {"softmax": True},
    "frozen": {"frozen": True},
    "names only": {"sees": "entities"},
    "document only": {"sees": "document"},
    "shuffled document": {"sees": "shuffled"},
}

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two entities of a document, without its text.

    Attributes:
        kinds: Types of head and tail.
        names: Longest names of head and tail, in lower case.
        together: Whether a sentence mentions both.
        relations: What holds between them.
    """

    document: int
    kinds: tuple[str, str]
    names: tuple[str, str]
    together: bool
    relations: frozenset[str]


def pairs_of(number: int, record: Record) -> Iterator[Pair]:
    """All ordered pairs of different entities of a document."""
    held = defaultdict(set)
    for head, name, tail in record.relations:
        held[head, tail].add(name)
    ends = [match.end() for match in SENTENCE_END.finditer(record.text)]
    sentences = [
        {sum(end <= start for end in ends) for start, _ in mentions} for mentions in record.mentions
    ]
    names = [
        max((record.text[start:end] for start, end in mentions), key=len).lower()
        for mentions in record.mentions
    ]
    for head, tail in permutations(range(len(record.mentions)), 2):
        yield Pair(
            number,
            (record.types[head], record.types[tail]),
            (names[head], names[tail]),
            not sentences[head].isdisjoint(sentences[tail]),
            frozenset(held[head, tail]),
        )


# --- a model that reads no text


class Neighbours:
    """Relations of training pairs, by their names.

    Args:
        training: These pairs.
        how: They were split. A pair that is learned from sees as much of the others as one that is
            tested will: nothing of its own document, if the split is by document.
    """

    def __init__(self, training: Iterable[Pair], how: str) -> None:
        self._how = how
        self._found: dict[Key, Counter[str]] = defaultdict(Counter)
        self._inside: dict[tuple[int, Key], Counter[str]] = defaultdict(Counter)
        for pair in training:
            for key in _keys(*pair.names):
                self._found[key].update(pair.relations)
                self._inside[pair.document, key].update(pair.relations)

    def features(self, pair: Pair, *, trained_on: bool) -> Iterator[str]:
        """Relations of other pairs: with both names, either way round, or with one of them."""
        for way, names in (("", pair.names), ("turned round", pair.names[::-1])):
            for key in _keys(*names):
                left_out = Counter[str]()
                if trained_on and self._how == "document":
                    left_out = self._inside.get((pair.document, key), left_out)
                elif trained_on and not way:
                    left_out = Counter(pair.relations)
                known = self._found.get(key, Counter[str]())
                yield from (f"{way} {key[0]} {r}" for r, n in known.items() if n > left_out[r])


def _keys(head: str, tail: str) -> tuple[Key, ...]:
    return ("both", head, tail), ("head", head, ""), ("tail", "", tail)


def features(pair: Pair, neighbours: Neighbours, *, trained_on: bool) -> list[str]:
    """What the model sees of a pair."""
    (head, tail), (head_kind, tail_kind) = pair.names, pair.kinds
    return [
        f"kinds {head_kind} {tail_kind}",
        f"together {pair.together} {head_kind} {tail_kind}",
        *(f"head {word}" for word in (head, *head.split())),
        *(f"tail {word}" for word in (tail, *tail.split())),
        *neighbours.features(pair, trained_on=trained_on),
    ]


class Textless:
    """A linear model; one class for each relation, one for none.

    Args:
        training: Pairs to learn from; with none unrelated, it cannot answer "none".
        how: They were split.
        seed: Of the order of pairs.
    """

    def __init__(self, training: Sequence[Pair], how: str, seed: int) -> None:
        self._neighbours = Neighbours(training, how)
        seen = [features(one, self._neighbours, trained_on=True) for one in training]
        often = Counter(name for one in seen for name in one)
        self._index = {name: i for i, (name, n) in enumerate(often.items()) if n > 1}
        self.classes = ["", *sorted(set().union(*(one.relations for one in training)))]
        self._weights = nn.EmbeddingBag(len(often), len(self.classes), mode="sum", sparse=True)
        nn.init.zeros_(self._weights.weight)
        self._learn(training, seen, random.Random(seed))

    def _learn(
        self, training: Sequence[Pair], seen: Sequence[Sequence[str]], chance: random.Random
    ) -> None:
        column = {name: i for i, name in enumerate(self.classes)}
        optimizer = torch.optim.Adagrad(self._weights.parameters(), lr=RATE)
        for _ in range(EPOCHS):
            order = chance.sample(range(len(training)), len(training))
            for start in range(0, len(order), BATCH):
                batch = order[start : start + BATCH]
                wanted = torch.zeros(len(batch), len(self.classes))
                for row, i in enumerate(batch):
                    names = training[i].relations or ("",)
                    wanted[row, [column[name] for name in names]] = 1 / len(names)
                loss = functional.cross_entropy(self._logits([seen[i] for i in batch]), wanted)
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()

    def _logits(self, seen: Sequence[Sequence[str]]) -> Tensor:
        known = [[self._index[name] for name in one if name in self._index] for one in seen]
        starts = torch.tensor([0, *map(len, known)])[:-1].cumsum(0)
        flat = torch.tensor([i for one in known for i in one], dtype=torch.long)
        logits: Tensor = self._weights(flat, starts)
        return logits

    @torch.no_grad()
    def answers(self, pairs: Sequence[Pair]) -> list[str]:
        """The likeliest class of each pair."""
        found: list[int] = []
        for start in range(0, len(pairs), BATCH):
            part = pairs[start : start + BATCH]
            seen = [features(one, self._neighbours, trained_on=False) for one in part]
            found += self._logits(seen).argmax(dim=1).tolist()
        return [self.classes[i] for i in found]


def usual(training: Sequence[Pair]) -> Callable[[Sequence[Pair]], list[str]]:
    """The most frequent relation between things of these types, whatever the pair."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for pair in training:
        counts[pair.kinds].update(pair.relations)
    best = {kinds: found.most_common(1)[0][0] for kinds, found in counts.items() if found}
    return lambda pairs: [best.get(pair.kinds, "") for pair in pairs]


# --- protocols


def f1(pairs: Sequence[Pair], answers: Sequence[str]) -> float:
    """Micro F1 over facts; no answer is no prediction."""
    correct = sum(answer in pair.relations for pair, answer in zip(pairs, answers, strict=True))
    total = sum(map(bool, answers)) + sum(len(pair.relations) for pair in pairs)
    return 200 * correct / max(total, 1)


def accuracy(pairs: Sequence[Pair], answers: Sequence[str]) -> float:
    """Share of pairs that are answered right, "none" being an answer."""
    right = [
        answer in pair.relations if pair.relations else not answer
        for pair, answer in zip(pairs, answers, strict=True)
    ]
    return 100 * sum(right) / max(len(right), 1)


def split(pairs: Sequence[Pair], how: str, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Training and test pairs; by "document" or by "pair"."""
    chance = random.Random(seed)
    if how == "pair":
        shuffled = chance.sample(list(pairs), len(pairs))
        cut = int(TEST_SHARE * len(shuffled))
        return shuffled[cut:], shuffled[:cut]
    documents = sorted({pair.document for pair in pairs})
    test = set(chance.sample(documents, int(TEST_SHARE * len(documents))))
    return (
        [pair for pair in pairs if pair.document not in test],
        [pair for pair in pairs if pair.document in test],
    )


def textless(records: Sequence[Record], seed: int = 0) -> Iterator[tuple[str, ...]]:
    """Rows of a table: protocols, with their scores under both splits."""
    pairs = [pair for i, record in enumerate(records) for pair in pairs_of(i, record)]
    related = [pair for pair in pairs if pair.relations]
    columns = [_protocols(pairs, related, how, seed) for how in ("document", "pair")]
    yield "protocol", "split by document", "split by pair"
    for name in columns[0]:
        yield name, *(f"{column[name]:.1f}" for column in columns)
    best = [min(pair.relations) for pair in related]
    yield "one answer a pair, always right: F1", *[f"{f1(related, best):.1f}"] * 2
    none = [""] * len(pairs)
    yield 'always "none": accuracy over all pairs', *[f"{accuracy(pairs, none):.1f}"] * 2


def _protocols(
    pairs: Sequence[Pair], related: Sequence[Pair], how: str, seed: int
) -> dict[str, float]:
    training, test = split(related, how, seed)
    answers, prior = Textless(training, how, seed).answers(test), usual(training)(test)
    found = {
        "related pairs alone: accuracy": accuracy(test, answers),
        "related pairs alone: F1": f1(test, answers),
        "related pairs alone, usual relation of the types: F1": f1(test, prior),
    }
    training, test = split(pairs, how, seed)
    answers, prior = Textless(training, how, seed).answers(test), usual(training)(test)
    return found | {
        "all pairs: accuracy, none being an answer": accuracy(test, answers),
        "all pairs: F1 (by document: the official one)": f1(test, answers),
        "all pairs, usual relation of the types: F1": f1(test, prior),
    }


# --- the whole document for each pair


def pair_encoder(
    data: Path, variant: str, minutes: float, documents: int, folder: Path
) -> dict[str, float]:
    """Train a variant of global-pair and score it under both protocols."""
    from kgbuild.evaluation.benchmark import spread
    from kgbuild.models.docre.saving import load_system
    from kgbuild.training.documents import labels_of, tasks
    from kgbuild.training.margins import margins
    from kgbuild.training.systems import Plan, learn

    training = read_set(data / "train" / "redocred.jsonl.gz")
    aside = spread(training, documents)
    plan = Plan("global-pair", options=VARIANTS[variant])
    rest = [record for record in training if record not in aside]
    labels = labels_of(training)
    learn(
        rest, [], folder, plan, run=f"{variant} {minutes}", minutes=minutes, labels=labels,
        device="cpu", clock=time.process_time,
    )  # fmt: skip
    system = load_system(folder)
    system.shift = margins(system, tasks(aside, labels)).best_shift()
    test = spread(read_set(data / "dev" / "redocred.jsonl.gz"), documents)
    return both_protocols(system, tasks(test, labels))


def both_protocols(system: "RelationSystem", given: Sequence["Task"]) -> dict[str, float]:
    """The official F1, and what comes of the best relation of each pair that has one."""
    from kgbuild.training.margins import scored

    correct, found, gold, right, related, facts = 0, 0, 0, 0, 0, 0
    for task, scores in scored(system, given):
        predicted, wanted = system.decide(scores), task.targets.bool()
        correct += int((predicted & wanted).sum())
        found, gold = found + int(predicted.sum()), gold + int(wanted.sum())
        has = wanted.any(dim=1)
        best = scores.margins[has].argmax(dim=1, keepdim=True)
        right += int(wanted[has].gather(1, best).sum())
        related, facts = related + int(has.sum()), facts + int(wanted[has].sum())
    return {
        "official F1": 200 * correct / max(found + gold, 1),
        "related pairs alone: F1": 200 * right / max(related + facts, 1),
        "related pairs alone: accuracy": 100 * right / max(related, 1),
    }


def pair_encoders(given: argparse.Namespace) -> Iterator[tuple[str, ...]]:
    """Rows of a table: variants, with their scores under both protocols."""
    given.results.mkdir(parents=True, exist_ok=True)
    for number, variant in enumerate(given.variants):
        name = re.sub(r"\W+", "-", f"{variant}-{given.minutes:g}min-{given.documents}")
        file = given.results / f"{name}.json"
        if not file.exists():
            folder = given.results / "trained" / name
            found = pair_encoder(given.data, variant, given.minutes, given.documents, folder)
            file.write_text(json.dumps(found) + "\n", "utf-8")
        scores = json.loads(file.read_text("utf-8"))
        if number == 0:
            yield "global-pair", *scores
        yield variant, *(f"{value:.1f}" for value in scores.values())


def main() -> None:
    """Print the table that is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    free = commands.add_parser("textless", help="a model that reads no text")
    free.add_argument("data", type=Path)
    trained = commands.add_parser("pairs", help="an encoder that reads all for each pair")
    trained.add_argument("data", type=Path)
    trained.add_argument("results", type=Path)
    trained.add_argument("--minutes", type=float, default=15.0, help="of training, each")
    trained.add_argument("--documents", type=int, default=20, help="to measure on")
    trained.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    given = parser.parse_args()
    if given.command == "pairs":
        rows = pair_encoders(given)
    else:
        parts = [given.data / part / "redocred.jsonl.gz" for part in ("train", "dev")]
        rows = textless([record for part in parts for record in read_set(part)])
    for number, row in enumerate(rows):
        print("| " + " | ".join(row) + " |", flush=True)
        if number == 0:
            print("|" + "---|" * len(row))


if __name__ == "__main__":
    main()
