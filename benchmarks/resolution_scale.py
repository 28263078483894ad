"""How long resolution takes, how much memory, and how much it finds, from 10^4 to 10^6 mentions.

    python benchmarks/resolution_scale.py                         # 10^4 and 10^5 mentions
    python benchmarks/resolution_scale.py --mentions 1000000
    python benchmarks/resolution_scale.py --names FILE --peers    # a name a line, beside others

People's names are made of syllables (or of the words of `--names`), each is written in several ways
(case, accents, honorific, initials, a nickname, a slip), and spread over documents of ten mentions.
Recall and precision are over pairs of *distinct* ways to write that mean one person. Peers see the
same distinct ways, as vectors of the model in the box; the seconds for these are told apart. Where
the machine has other work, processor seconds say more than seconds.
"""

import argparse
import random
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from math import comb
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kgbuild.ontology import Ontology
from kgbuild.resolution import Changes, Name, Resolution, renew, resolve
from kgbuild.resolution.nicknames import FORMAL

ONTOLOGY = Ontology.parse("name: people\nentities: [person]\n")
SYLLABLES = [
    a + b for a, b in product("b d f g k l m n p r s t v".split(), "a e i o u an er".split())
]
MENTIONS_PER_NAME = 5
PER_DOCUMENT = 10
THRESHOLD = 0.9  # of the peers: cosine

SHORT = {formal: nick for nick in sorted(FORMAL) for formal in FORMAL[nick] if nick != formal}

Vectors = npt.NDArray[np.float32]
Peer = Callable[[Sequence[str], Vectors], Iterable[Sequence[int]]]


def people(count: int, words: Sequence[str], chance: random.Random) -> Iterator[str]:
    """So many different full names."""
    given = [*sorted(SHORT), *(made(words, chance) for _ in range(2_000))]
    seen = set[str]()
    while len(seen) < count:
        name = f"{chance.choice(given).title()} {made(words, chance)} {made(words, chance)}"
        if name not in seen:
            seen.add(name)
            yield name


def made(words: Sequence[str], chance: random.Random) -> str:
    """A word of those given, or of syllables."""
    return (chance.choice(words) if words else "".join(chance.choices(SYLLABLES, k=4))).title()


def ways(name: str, chance: random.Random) -> list[str]:
    """A name as documents write it: most often in full, and now and then in another way."""
    given, middle, last = name.split()
    short = SHORT.get(given.casefold(), given).title()
    place = chance.randrange(1, len(last) - 1)
    return [
        name,
        name.upper(),
        f"Dr. {name}",
        f"{last}, {given} {middle}",
        f"{short} {middle} {last}",
        f"{given[0]}. {middle[0]}. {last}",
        f"{given} {middle} {last[:place]}{last[place + 1 :]}",
    ]


def corpus(mentions: int, words: Sequence[str]) -> tuple[list[Name], dict[str, str]]:
    """Names with their counts, and who is meant by each way to write (that means one only)."""
    chance = random.Random(7)
    meant: dict[str, str] = {}
    texts = []
    for name in people(mentions // MENTIONS_PER_NAME, words, chance):
        written = chance.choices(ways(name, chance), [6, 1, 2, 1, 1, 1, 1], k=MENTIONS_PER_NAME)
        texts += written
        for text in written:
            meant[text] = name if meant.setdefault(text, name) == name else ""
    chance.shuffle(texts)
    places = Counter((f"{i // PER_DOCUMENT:07}", text) for i, text in enumerate(texts))
    names = [Name(place, "person", text, n) for (place, text), n in places.items()]
    return names, {text: name for text, name in meant.items() if name}


def quality(groups: Iterable[Sequence[str]], meant: dict[str, str]) -> tuple[float, float]:
    """Recall and precision over pairs of ways to write."""
    together = right = 0
    for group in groups:
        members = [meant[text] for text in set(group) if text in meant]
        together += comb(len(members), 2)
        right += sum(comb(n, 2) for n in Counter(members).values())
    wanted = sum(comb(n, 2) for n in Counter(meant.values()).values())
    return right / max(wanted, 1), right / max(together, 1)


def one_more(names: Sequence[Name], resolution: Resolution) -> float:
    """Seconds to resolve anew what one more document concerns: another ten names."""
    new = [replace(name, document_id="one more") for name in names[:: len(names) // PER_DOCUMENT]]
    of_document = defaultdict(list)
    for name in names:
        of_document[name.document_id].append(name)
    changes = Changes(
        resolution.clusters,
        resolution.decisions,
        new,
        gone=(),
        judged=(),
        read=lambda ids: [name for id in ids for name in of_document[id]],
    )
    started = time.process_time()
    renew(changes, ONTOLOGY)
    return time.process_time() - started


def communities(texts: Sequence[str], vectors: Vectors) -> Iterable[Sequence[int]]:
    """Those of sentence-transformers."""
    from sentence_transformers import util

    found: list[list[int]] = util.community_detection(
        vectors, threshold=THRESHOLD, min_community_size=2
    )
    return found


def semhash(texts: Sequence[str], vectors: Vectors) -> Iterable[Sequence[int]]:
    """What semhash would keep, each with the duplicates that it would leave out."""
    from semhash import SemHash

    number = {text: i for i, text in enumerate(texts)}
    index = SemHash.from_embeddings(vectors, list(texts), model=None)
    groups = defaultdict(list)
    for record in index.self_deduplicate(threshold=THRESHOLD).filtered:
        groups[str(record.duplicate_of)].append(number[str(record.record)])
    return [[number[kept], *rest] for kept, rest in groups.items()]


PEERS: dict[str, Peer] = {"community detection": communities, "semhash": semhash}


def run_peers(meant: dict[str, str]) -> None:
    """The others on the same distinct ways to write."""
    from kgbuild.embeddings import Embedder

    texts = sorted(meant)
    started = time.perf_counter()
    vectors = Embedder().embed(texts)
    print_line("(vectors)", len(texts), time.perf_counter() - started, "", "")
    for name, peer in PEERS.items():
        started = time.perf_counter()
        try:
            groups = [[texts[i] for i in group] for group in peer(texts, vectors)]
        except ImportError:
            print_line(name, len(texts), 0.0, "not installed", "")
            continue
        seconds = time.perf_counter() - started
        print_line(name, len(texts), seconds, *map("{:.3f}".format, quality(groups, meant)))


def print_line(name: str, count: int, seconds: float, recall: str, precision: str) -> None:
    """A line of the table; memory is the most that this process has had."""
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cells = (name, f"{count:,}", f"{seconds:.1f}", f"{megabytes:,.0f}", recall, precision)
    sys.stdout.write("\t".join(cells) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run the sizes that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mentions", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--names", type=Path, help="words to make names of, one a line")
    parser.add_argument("--peers", action="store_true", help="also run what is installed of others")
    options = parser.parse_args()
    words = options.names.read_text("utf-8").split() if options.names else []
    sys.stdout.write("system\tnames\tseconds\tMB so far\trecall\tprecision\n")
    for mentions in options.mentions:
        names, meant = corpus(mentions, words)
        started, worked = time.perf_counter(), time.process_time()
        resolution = resolve(names, ONTOLOGY)  # embeddings only confirm, at their model's cost
        seconds, work = time.perf_counter() - started, time.process_time() - worked
        groups = ([name.text for name in cluster.names] for cluster in resolution.clusters)
        scores = map("{:.3f}".format, quality(groups, meant))
        title = f"kgbuild, {mentions:,} mentions, {work:.1f} processor s"
        print_line(title, len(meant), seconds, *scores)
        print_line("(one more document)", len(meant), one_more(names, resolution), "", "")
        if options.peers:
            run_peers(meant)


if __name__ == "__main__":
    main()
