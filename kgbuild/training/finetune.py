"""Fine-tuning: annotated texts of one's own → a model that knows their types.

A trained joint model, or a bare encoder, learns from the records for a given time. Part of them, or
a file of their own, is kept aside: on these the model is measured before, now and then, and after;
they decide which weights are kept and which thresholds go with them.
"""

import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from kgbuild.errors import DocumentError, ModelError
from kgbuild.extraction import SETTINGS, Settings, model_id, placement
from kgbuild.models import checkpoint, model_folder
from kgbuild.models.joint import JointModel
from kgbuild.models.prompt import Prompter
from kgbuild.models.relex import Relex
from kgbuild.progress import Progress, Silent
from kgbuild.training.data import UNTYPED, Record, read_set
from kgbuild.training.examples import Examples, Mix
from kgbuild.training.loop import Schedule, Trainer
from kgbuild.training.measuring import Measured, Yardstick
from kgbuild.training.runs import RUN, STATE, begin, check_folder, fingerprint, hold_out

_PASSES = 24
"""Over the records, at most: by then a small set is known by heart."""
_WIDTH = 384
"""Of the encoder that the learning rates below were found for; wider ones take smaller steps."""
_TRAINED_RATES = 1e-4, 4e-4
"""Peak rates of encoder and heads where both have learnt the task before."""
_BARE_RATES = 1.5e-4, 8e-4
_MEASUREMENTS = 10
"""While training, at least so many: of as few records as that takes, in a tenth of the time."""
_FEWEST_EXAMPLES = 1500  # a few hundred steps, however small the set
_LONGEST = 512  # tokens of an input, labels included
_FEWEST_MEASURED, _MOST_MEASURED = 25, 250


@dataclass(frozen=True, slots=True)
class Tuned:
    """What came of a run.

    Attributes:
        held_out: Whether the development records were taken out of the training files.
        too_long: The share of the examples that the model could not read and did not learn from.
        before: The model that training started from; None where that was a bare encoder.
    """

    folder: Path
    records: int
    development: int
    held_out: bool
    minutes: float
    too_long: float
    before: Measured | None
    after: Measured

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for scripts."""
        return {
            "folder": str(self.folder),
            "records": self.records,
            "development_records": self.development,
            "held_out": self.held_out,
            "minutes": round(self.minutes, 1),
            "too_long": round(self.too_long, 4),
            "before": self.before and self.before.to_json(),
            "after": self.after.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Start:
    """What training starts from."""

    network: Relex
    tokenizer: Tokenizer
    values: dict[str, Any]
    settings: Settings
    rates: tuple[float, float]
    trained: bool

    @property
    def prompter(self) -> Prompter:
        return checkpoint.make_prompter(self.tokenizer, self.values)


def fine_tune(
    files: Sequence[Path],
    out: Path,
    *,
    development: Path | None = None,
    model: str | Path = "bundled",
    encoder: str | Path | None = None,
    minutes: float = 30.0,
    device: str = "auto",
    seed: int = 13,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Tuned:
    """Train a model on annotated records; a run that was killed goes on.

    Args:
        files: JSON Lines of annotated records, gzipped or not.
        out: Receives the model; while training, what is needed to go on after a kill.
        development: Records to measure on; by default a tenth of `files`.
        model: What to start from: a name or a folder.
        encoder: A bare encoder to start from instead, a folder or a name on the hub.
        minutes: Of training; measuring before and after comes on top.
        device: Where to run.
        seed: Of everything that is drawn.
        progress: Is told how it goes.
        clock: Seconds.

    Raises:
        DocumentError: A file is no set of records, or there is nothing to learn in them.
        ModelError: The model cannot be loaded or trained, or `out` holds something else.
    """
    progress = progress or Silent()
    training, held_out = _split(files, development, seed)
    run = fingerprint([*files, development or Path()], str(encoder or model_id(model)), seed)
    check_folder(out, run, checkpoint.CONFIG)
    start = _start(model, encoder)
    ready = _joint(start, placement(device)[0])
    mix = _fitting(Mix(), training, start)
    begin(out, run)
    torch.manual_seed(seed)
    yardstick = Yardstick(held_out, training)
    progress.stage("Measuring before training")
    started = clock()
    before = yardstick.measure(ready, start.settings)
    cost = (clock() - started) / len(held_out)
    some = _some(held_out, seed, 0.1 * 60 * minutes / _MEASUREMENTS / cost)
    trainer = _trainer(start, out / STATE, minutes, seed, training, clock)
    _train(
        trainer,
        training,
        mix,
        lambda: Yardstick(some, training).tune(ready, start.settings),
        progress,
    )
    progress.stage("Measuring after training")
    tuned = Tuned(
        out,
        len(training),
        len(held_out),
        development is None,
        trainer.elapsed / 60,
        trainer.too_long / max(1, trainer.drawn),
        before if start.trained else None,
        yardstick.tune(ready, start.settings),
    )
    _save(start, tuned, run)
    return tuned


def _split(
    files: Sequence[Path], development: Path | None, seed: int
) -> tuple[list[Record], list[Record]]:
    """Records to train on, and records to measure on."""
    records = [record for path in files for record in read_set(path)]
    where = ", ".join(map(str, files))
    if not any(record.relations for record in records):
        raise DocumentError(f"{where}: no record has a relation; annotate some to learn from")
    if not any({*record.types} - UNTYPED for record in records):
        raise DocumentError(f"{where}: no entity has a type; give them types to learn")
    if development is not None:
        return records, read_set(development)
    return hold_out(records, seed, where)


def _some(records: Sequence[Record], seed: int, number: float) -> Sequence[Record]:
    """About so many of the records, within bounds, always the same ones first."""
    most = int(min(max(number, _FEWEST_MEASURED), _MOST_MEASURED, len(records)))
    return random.Random(seed).sample(list(records), len(records))[:most]


def _start(model: str | Path, encoder: str | Path | None) -> Start:
    if encoder is not None:
        try:
            network, tokenizer, values = checkpoint.from_encoder(encoder)
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"{encoder}: cannot be loaded as an encoder: {reason}") from error
        return Start(network, tokenizer, values, Settings(), _rates(network, _BARE_RATES), False)
    folder = model_folder(model)
    network, _ = checkpoint.load(folder)
    if network.adjacency is not None:
        raise ModelError(
            f"{folder}: models with an adjacency decoder cannot be trained further; use another"
        )
    return Start(
        network,
        checkpoint.read_tokenizer(folder),
        checkpoint.read_config(folder),
        Settings.read(folder),
        _rates(network, _TRAINED_RATES),
        True,
    )


def _rates(network: Relex, rates: tuple[float, float]) -> tuple[float, float]:
    scale = min(1.0, _WIDTH / network.config.hidden_size)
    return rates[0] * scale, rates[1] * scale


def _joint(start: Start, device: str) -> JointModel:
    """The network as it is at any moment, ready to be asked."""
    window = checkpoint.window_of(start.values)
    return JointModel(start.network, start.prompter, device=torch.device(device), window=window)


def _trainer(
    start: Start,
    state: Path,
    minutes: float,
    seed: int,
    records: Sequence[Record],
    clock: Callable[[], float],
) -> Trainer:
    longest = sum(Mix().words) / 2
    words = sum(len(record.text.split()) for record in records)
    schedule = Schedule(
        minutes,
        encoder_rate=start.rates[0],
        head_rate=start.rates[1],
        max_tokens=_max_tokens(start),
        examples=max(_FEWEST_EXAMPLES, int(_PASSES * words / longest)),
        seed=seed,
    )
    return Trainer(start.network, start.prompter, schedule, state, clock)


def _max_tokens(start: Start) -> int:
    return min(_LONGEST, checkpoint.window_of(start.values)) - 8  # for the tokenizer's own tokens


def _train(
    trainer: Trainer,
    records: Sequence[Record],
    mix: Mix,
    tune: Callable[[], Measured],
    progress: Progress,
) -> None:
    """Train, measuring now and then."""
    sources: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        sources[record.source].append(record)
    weights = {name: float(len(members)) for name, members in sources.items()}
    examples = Examples(sources, weights, mix, trainer.schedule.seed + trainer.steps)
    told = trainer.seen
    progress.stage("Training")

    def report(losses: dict[str, float]) -> None:
        nonlocal told
        progress.advance(trainer.seen - told)
        told = trainer.seen

    def measure() -> float:
        score = tune().score
        best = max([score, *trainer.scores])
        progress.stage(f"Training, {trainer.progress:.0%} done, best F1 {100 * best:.1f}")
        return score

    try:
        trainer.train(iter(examples), report, measure)
    except KeyboardInterrupt:
        trainer.save()
        raise
    except torch.OutOfMemoryError as error:
        raise ModelError("the device has too little memory; use `--device cpu`") from error


def _fitting(mix: Mix, records: Sequence[Record], start: Start) -> Mix:
    """Ask for fewer labels at once where more would leave no room for text."""
    room = _max_tokens(start) // 2
    entities = {type for record in records for type in (*record.types, *record.entity_types)}
    relations = {name for record in records for _, name, _ in record.relations}
    relations |= {name for record in records for name in record.relation_types}
    prompter = start.prompter

    def longest(names: set[str], most: int) -> list[str]:
        return sorted(names, key=lambda name: (-len(name), name))[:most]

    while True:
        labels = prompter.labels(
            longest(entities - UNTYPED, mix.max_entity_labels),
            longest(relations, mix.max_relation_labels),
        )
        if prompter.length(labels) <= room:
            return mix
        if mix.max_entity_labels <= 1 or mix.max_relation_labels <= 1:
            name = longest(entities | relations, 1)[0]
            raise DocumentError(f"`{name}` is too long for the model as a name of a type")
        mix = replace(
            mix,
            max_entity_labels=mix.max_entity_labels * 3 // 4,
            max_relation_labels=mix.max_relation_labels * 3 // 4,
        )


def _save(start: Start, tuned: Tuned, run: str) -> None:
    """Write the checkpoint, what goes with it, and where it comes from."""
    out, after = tuned.folder, tuned.after
    settings = replace(
        start.settings, threshold=after.threshold, relation_threshold=after.relation_threshold
    )
    checkpoint.save(out, start.network.cpu(), start.tokenizer, start.values)
    (out / SETTINGS).write_text(json.dumps(asdict(settings), sort_keys=True) + "\n", "utf-8")
    told = {"run": run, **tuned.to_json()}
    del told["folder"]
    (out / RUN).write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    (out / STATE).unlink(missing_ok=True)
