"""How document-level systems grow with the text: processor time and peak memory of one document.

    python benchmarks/docre_length.py
    python benchmarks/docre_length.py --systems atlop glidre --words 5000 10000 --mentions 300

The documents are made up; mentions are spread evenly over the text, two of each entity unless
`--entities` says otherwise, and all pairs of entities are scored against 96 relation types (closed
systems), the number of mentions being the same for every length. The encoder is all-MiniLM-L6-v2;
heads are untrained, which changes neither time nor memory. Every case has a process of its own; the
program, the weights and all are counted as memory. Time is processor time of one thread. Measured
on a busy core, for 300 mentions of 150 entities:

    atlop       2,500 words  reading 1.5 s  pairs 7.9 s  1,473 MB
    atlop       5,000 words  reading 2.8 s  pairs 6.2 s  1,577 MB
    atlop      10,000 words  reading 4.8 s  pairs 8.4 s  1,530 MB
    kd-docre    2,500 words  reading 1.5 s  pairs 18.5 s  1,538 MB
    kd-docre   10,000 words  reading 4.6 s  pairs 18.8 s  1,630 MB
    glidre      2,500 words  reading 1.3 s  pairs 4.9 s  1,293 MB
    glidre     10,000 words  reading 4.5 s  pairs 5.0 s  1,601 MB

With `--entities 300`, four times the pairs, 10,000 words take 1,638 MB with atlop and 2,963 MB with
kd-docre, whose pairs all see one another.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the process that starts the others stays small
    from kgbuild.models.docre.documents import GivenDocument

N_RELATIONS = 96  # as Re-DocRED has
WORDS = (
    "the a of in on at and to for with by from after before while during their its new old large"
    " company team group city government project report market system people river school plan"
    " joined moved founded bought sold opened closed signed led wrote played studied announced"
).split()


def main() -> None:
    """Print a line for each system and length."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    systems = ("atlop", "kd-docre", "glidre")
    parser.add_argument("--systems", nargs="+", choices=systems, default=systems)
    parser.add_argument("--words", nargs="+", type=int, default=[1250, 2500, 5000, 10000])
    parser.add_argument("--mentions", type=int, default=300)
    parser.add_argument("--entities", type=int, default=150, help="that share the mentions")
    parser.add_argument("--only", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        found = measure(asked.systems[0], asked.words[0], asked.mentions, asked.entities)
        print(json.dumps(found))
        return
    print(f"{asked.mentions} mentions of {asked.entities} entities")
    for system in asked.systems:
        for n_words in asked.words:
            found = in_its_own_process(system, n_words, asked.mentions, asked.entities)
            print(
                f"{system:10} {n_words:6,} words {found['tokens']:7,} tokens"
                f"  reading {found['reading']:6.1f} s  pairs {found['pairs']:6.1f} s"
                f"  all {found['all']:6.1f} s  peak memory {found['memory']:6,.0f} MB",
                flush=True,
            )


def in_its_own_process(
    system: str, n_words: int, n_mentions: int, n_entities: int
) -> dict[str, Any]:
    """What `measure` finds there."""
    command = [sys.executable, __file__, "--only", "--systems", system]
    command += ["--words", str(n_words), "--mentions", str(n_mentions)]
    command += ["--entities", str(n_entities)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(name: str, n_words: int, n_mentions: int, n_entities: int) -> dict[str, float]:
    """Seconds of processor time, of reading alone and of everything, and MB of memory."""
    import torch

    from kgbuild.embeddings import default_folder
    from kgbuild.models.docre import build
    from kgbuild.models.docre.documents import RelationLabels
    from kgbuild.training.systems import bare_encoder

    torch.set_num_threads(1)
    transformer, tokenizer = bare_encoder(default_folder())
    names = tuple(f"relation {i}" for i in range(N_RELATIONS))
    labels = RelationLabels(names, ("",) * N_RELATIONS)
    known = None if name == "glidre" else labels
    system = build(name, transformer, tokenizer, known, {}).eval()
    document = make_document(n_words, n_mentions, n_entities)
    with torch.inference_mode():
        start = time.process_time()
        (states,) = system.encoder([document], attention=True)
        tokens = len(states.tokens)
        del states  # what follows reads it again: that is how the system is used
        middle = time.process_time()
        (scores,) = system([document], [document.pairs], labels)
        end = time.process_time()
    if not torch.isfinite(scores.margins).all():
        raise SystemExit(f"{name}: scores are not finite")
    reading, everything = middle - start, end - middle
    return {
        "tokens": tokens,
        "reading": reading,
        "pairs": everything - reading,
        "all": everything,
        "memory": peak_memory(),
    }


def make_document(n_words: int, n_mentions: int, n_entities: int) -> "GivenDocument":
    """A text of so many words and mentions, and its entities."""
    from kgbuild.models.docre.documents import GivenDocument, GivenEntity

    chosen = random.Random(0)
    words = [chosen.choice(WORDS) for _ in range(n_words)]
    spans: list[list[tuple[int, int]]] = [[] for _ in range(n_entities)]
    step, at = n_words / n_mentions, 0
    named = {int(i * step): i % n_entities for i in range(n_mentions)}
    for index, word in enumerate(words):
        if index in named:
            words[index] = word = f"Name{named[index]}"
            spans[named[index]].append((at, at + len(word)))
        at += len(word) + 1
    return GivenDocument(" ".join(words), tuple(GivenEntity("thing", tuple(s)) for s in spans))


def peak_memory() -> float:
    """Of this process, in MB; not getrusage's, which includes the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024


if __name__ == "__main__":
    main()
