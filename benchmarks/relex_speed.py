"""How fast the joint model is, against the public `gliner` package on the same checkpoints.

    python benchmarks/relex_speed.py            # all cases, on a CPU in minutes
    python benchmarks/relex_speed.py --device cuda --checkpoint FOLDER

Both read the same texts with the same labels in turn, everything included, and the best time of
each counts. The run fails if their answers differ: other mentions, other relations, or a score
further apart than 1e-4. Checkpoints are made on the spot (the real MiniLM encoder, and one of the
shape of DeBERTa-v3-small, with random heads and a threshold that lets a few spans of a text pass),
unless one is given. Peak memory is that of a process of its own for each.

Needs `pip install 'kgbuild[gliner]'`.
"""

import json
import logging
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gliner
import torch
import typer
from transformers import AutoTokenizer, DebertaV2Config

from kgbuild.embeddings import default_folder
from kgbuild.models import load_model
from kgbuild.models.greedy import SpanScores, TokenScores
from kgbuild.models.joint import JointModel, Prediction
from kgbuild.models.run import Run

WORDS = (
    "the a of in on at and to for with by from after before while during their its new old large"
    " company team group city government project report market system people river school plan"
    " joined moved founded bought sold opened closed signed led wrote played studied announced"
).split()
SYLLABLES = "ka lo mi ren tor vel su na dri pel gar ton bri sha wen mor".split()
ENTITIES = (
    "person organization city country product date event law currency river disease drug gene"
    " vehicle weapon language award book film song university software animal building planet"
).split()
RELATIONS = (
    "works at|located in|founded by|born in|capital of|owner of|part of|member of|author of"
    "|married to|parent of|educated at|headquartered in|subsidiary of|produced by|treats|causes"
    "|competitor of|date of birth|plays for"
).split("|")
KINDS = {"sentences": (10, 30), "paragraphs": (60, 200), "mixed": (15, 200)}


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    model: str
    kind: str
    labels: int
    texts: tuple[str, ...]
    threshold: float
    """Lets a few spans of a text pass."""


@dataclass(frozen=True)
class Outcome:
    """Texts per second."""

    case: Case
    ours: float
    half: float
    package: dict[int, float]
    """By batch size."""
    stages: dict[str, float]
    """Share of our time."""
    same: bool


def main(
    checkpoint: Annotated[
        Path | None, typer.Option(help="A public checkpoint; made on the spot by default.")
    ] = None,
    texts: Annotated[int, typer.Option(help="Texts of each case.")] = 40,
    device: Annotated[str, typer.Option(help="`cpu` or `cuda`.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    only: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Compare speed, memory and answers."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    if only:
        measure_memory(only, json.loads(sys.stdin.read()), device)
        return
    with tempfile.TemporaryDirectory() as made:
        models = {checkpoint.name: checkpoint} if checkpoint else dict(make_all(Path(made)))
        outcomes = [outcome for one in models.items() for outcome in compare(*one, texts, device)]
        memory = {name: memory_of(folder, texts, device) for name, folder in models.items()}
    if as_json:
        print(json.dumps({"cases": [to_json(one) for one in outcomes], "memory_mb": memory}))
    else:
        show(outcomes, memory, device)
    if not all(outcome.same for outcome in outcomes):
        raise SystemExit("the answers differ")


def make_all(folder: Path) -> Iterator[tuple[str, Path]]:
    """Make a checkpoint for each core and encoder, with the public package."""
    for encoder in ("minilm", "deberta-small"):
        base = str(default_folder())
        if encoder == "deberta-small":
            base = str(folder / "deberta")
            tokenizer = AutoTokenizer.from_pretrained(default_folder())
            tokenizer.save_pretrained(base)
            deberta(len(tokenizer)).save_pretrained(base)
        for core in ("span", "token"):
            torch.manual_seed(0)
            model = gliner.GLiNER.from_config(
                {
                    "model_name": base,
                    "hidden_size": 384 if encoder == "minilm" else 768,
                    "span_mode": "markerV0" if core == "span" else "token_level",
                    "relations_layer": "none",
                    "triples_layer": None,
                },
                backbone_from_pretrained=encoder == "minilm",
            )
            target = folder / f"{encoder}-{core}"
            model.save_pretrained(target, safe_serialization=True)
            yield target.name, target


def deberta(vocabulary: int) -> DebertaV2Config:
    """The shape of DeBERTa-v3-small, but for the vocabulary."""
    return DebertaV2Config(
        vocab_size=vocabulary,
        hidden_size=768,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=3072,
        relative_attention=True,
        position_buckets=256,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        type_vocab_size=0,
        pad_token_id=0,
    )


def make_texts(count: int, words: tuple[int, int]) -> list[str]:
    """Texts whose lengths spread evenly over the logarithm, in no order."""
    draw = random.Random(0)
    low, high = words
    texts = []
    for i in range(count):
        length = round(low * (high / low) ** (i / max(count - 1, 1)))
        texts.append(" ".join(word(draw) for _ in range(length)) + ".")
    draw.shuffle(texts)
    return texts


def word(draw: random.Random) -> str:
    """A common word, or now and then a name."""
    if draw.random() < 0.8:
        return draw.choice(WORDS)
    return "".join(draw.choice(SYLLABLES) for _ in range(draw.randint(2, 4))).capitalize()


def labels(count: int) -> list[str]:
    """So many entity labels."""
    return [f"{ENTITIES[i % 25]} {i // 25 + 1}" if i > 24 else ENTITIES[i] for i in range(count)]


def compare(name: str, folder: Path, count: int, device: str) -> Iterator[Outcome]:
    """All cases of one checkpoint."""
    dtype = torch.bfloat16 if device == "cuda" else None
    ours = load_model(folder, device=device, dtype=dtype)
    half = load_model(folder, device=device, dtype=torch.bfloat16)
    package = gliner.GLiNER.from_pretrained(str(folder), map_location=device).eval()
    if dtype:
        package = package.to(dtype)
    for kind, label_count in [(kind, 10) for kind in KINDS] + [
        ("sentences", n) for n in (5, 25, 100)
    ]:
        texts = make_texts(count, KINDS[kind])
        asked = labels(label_count), RELATIONS
        case = Case(name, kind, label_count, tuple(texts), threshold_for(ours, texts, asked[0]))
        sizes = (1, 8) if device == "cpu" else (8, 32)
        mine = partial(ours.predict, texts, *asked, threshold=case.threshold)
        halved = partial(half.predict, texts, *asked, threshold=case.threshold)
        ask = partial(
            package.inference, texts, asked[0], relations=asked[1], relation_threshold=0.5
        )
        theirs = {n: partial(ask, threshold=case.threshold, batch_size=n) for n in sizes}
        best: dict[Any, float] = defaultdict(lambda: float("inf"))
        for _ in range(2):
            for key, run in {"ours": mine, "half": halved, **theirs}.items():
                best[key] = min(best[key], seconds(run, device))
        same = device != "cpu" or agree(mine(), theirs[1]())
        rate = {key: count / took for key, took in best.items()}
        yield Outcome(
            case,
            rate["ours"],
            rate["half"],
            {size: rate[size] for size in sizes},
            stages(ours, mine),
            same,
        )


def threshold_for(model: JointModel, texts: Sequence[str], entity_labels: Sequence[str]) -> float:
    """The threshold above which no text has more than a dozen spans: these are paired."""
    labels = model.prompter.labels(entity_labels, RELATIONS)
    with torch.inference_mode():
        scores = [
            Run(model.network, model.prompter, model.device, [words], labels).scores[0]
            for words in model.prompter.words(texts)
        ]
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        if any(too_many(one, middle) for one in scores):
            low = middle
        else:
            high = middle
    return high


def too_many(scores: SpanScores | TokenScores, threshold: float) -> bool:
    """Whether more than a dozen spans stand above a threshold; asked of the words first."""
    if isinstance(scores, TokenScores):
        words = int((scores.scores > threshold).any(axis=(1, 2)).sum())
        if words > 60:  # their spans would be too many to list
            return True
    return len(scores.selected(threshold)) > 12


def seconds(run: Callable[[], object], device: str) -> float:
    """How long it takes."""
    started = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def agree(ours: Sequence[Prediction], theirs: tuple[list[Any], list[Any]]) -> bool:
    """Whether mentions and relations are the same, with scores within 1e-4."""
    for one, mentions, relations in zip(ours, *theirs, strict=True):
        mine = [((m.start, m.end, m.label), m.score) for m in one.mentions]
        mine += [((r.head, r.tail, r.label), r.score) for r in one.relations]
        other = [((m["start"], m["end"], m["label"]), m["score"]) for m in mentions]
        other += [
            ((r["head"]["entity_idx"], r["tail"]["entity_idx"], r["relation"]), r["score"])
            for r in relations
        ]
        if [what for what, _ in mine] != [what for what, _ in other]:
            return False
        if any(abs(a - b) > 1e-4 for (_, a), (_, b) in zip(mine, other, strict=True)):
            return False
    return True


def stages(model: JointModel, run: Callable[[], object]) -> dict[str, float]:
    """Share of the time that each part takes, on one thread."""
    spent: dict[str, float] = defaultdict(float)
    network, prompter = model.network, model.prompter
    parts = [
        (prompter, "words", "tokens"),
        (prompter, "batch", "tokens"),
        (network.encoder, "forward", "encoder"),
        (network, "span_logits", "spans"),
        (network, "token_logits", "spans"),
        (network, "sides", "spans"),
        (network, "pair_logits", "pairs"),
    ]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with watched(parts, spent):
            started = time.perf_counter()
            run()
            whole = time.perf_counter() - started
    finally:
        torch.set_num_threads(threads)
    shares = {stage: took / whole for stage, took in spent.items()}
    return {**shares, "rest": 1 - sum(shares.values())}


@contextmanager
def watched(parts: Sequence[tuple[Any, str, str]], spent: dict[str, float]) -> Iterator[None]:
    """Add up the time of some methods while the context lasts."""

    def timed(method: Callable[..., object], stage: str) -> Callable[..., object]:
        def run(*given: object, **named: object) -> object:
            started = time.perf_counter()
            try:
                return method(*given, **named)
            finally:
                spent[stage] += time.perf_counter() - started

        return run

    for owner, name, stage in parts:
        setattr(owner, name, timed(getattr(owner, name), stage))
    try:
        yield
    finally:
        for owner, name, _ in parts:
            delattr(owner, name)


def memory_of(folder: Path, count: int, device: str) -> dict[str, float]:
    """Peak memory in MB of either, in a process of its own."""
    asked = json.dumps({"folder": str(folder), "texts": make_texts(count, KINDS["mixed"])})
    found = {}
    for who in ("ours", "package"):
        command = [sys.executable, __file__, "--only", who, "--device", device]
        done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
        found[who] = float(done.stdout.strip().splitlines()[-1])
    return found


def measure_memory(who: str, asked: dict[str, Any], device: str) -> None:
    """Print the peak memory of this process after loading and reading, in MB."""
    if who == "ours":
        load_model(asked["folder"], device=device).predict(asked["texts"], labels(10), RELATIONS)
    else:
        package = gliner.GLiNER.from_pretrained(asked["folder"], map_location=device).eval()
        package.inference(asked["texts"], labels(10), relations=RELATIONS, relation_threshold=0.5)
    if device == "cuda":
        print(torch.cuda.max_memory_allocated() / 2**20)
    else:  # not getrusage: its peak includes that of the process which started this one
        status = Path("/proc/self/status").read_text()
        print(int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024)


def to_json(outcome: Outcome) -> dict[str, Any]:
    """One outcome as plain values."""
    return {
        "model": outcome.case.model,
        "texts": outcome.case.kind,
        "entity_labels": outcome.case.labels,
        "texts_per_second": outcome.ours,
        "in_bfloat16": outcome.half,
        "package": outcome.package,
        "stages": outcome.stages,
        "same": outcome.same,
    }


def show(outcomes: Sequence[Outcome], memory: dict[str, dict[str, float]], device: str) -> None:
    """Print the table."""
    print(f"{device}, {torch.get_num_threads()} threads, gliner {gliner.__version__}; texts/s")
    for one in outcomes:
        package = "  ".join(
            f"batch {size}: {rate:6.1f} (x{one.ours / rate:4.1f})"
            for size, rate in one.package.items()
        )
        shares = " ".join(f"{stage} {100 * share:.0f}" for stage, share in one.stages.items())
        print(
            f"{one.case.model:20} {one.case.kind:10} {one.case.labels:3} labels"
            f"  ours {one.ours:6.1f}  bf16 {one.half:6.1f}  package {package}"
            f"  {'same' if one.same else 'DIFFERENT'}  [% {shares}]"
        )
    for name, peak in memory.items():
        print(f"{name:20} peak memory: ours {peak['ours']:,.0f}, package {peak['package']:,.0f} MB")


if __name__ == "__main__":
    typer.run(main)
