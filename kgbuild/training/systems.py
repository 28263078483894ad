"""Annotated documents → a trained document-level system, as `kgbuild train --system` does it."""

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer

from kgbuild.embeddings import default_folder
from kgbuild.errors import DocumentError, ModelError
from kgbuild.extraction import placement
from kgbuild.models import BUNDLED, model_folder
from kgbuild.models.checkpoint import read_tokenizer
from kgbuild.models.docre import SYSTEMS, build
from kgbuild.models.docre.documents import RelationLabels
from kgbuild.models.docre.relex import RelexRelations, from_joint
from kgbuild.models.docre.saving import DESCRIPTION, load_system, save_system
from kgbuild.models.docre.scoring import RelationSystem
from kgbuild.progress import Progress, Silent
from kgbuild.training.data import Record, read_set
from kgbuild.training.document_loop import DocumentPace, DocumentTrainer
from kgbuild.training.documents import Task, labels_of, pooled, tasks
from kgbuild.training.judging import Tally
from kgbuild.training.margins import margins
from kgbuild.training.runs import RUN, STATE, begin, check_folder, fingerprint, hold_out

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_WIDTH = 384
"""Of the encoder that the learning rates were found for; wider ones take smaller steps."""
_NEW_RATES = 1.5e-4, 8e-4
"""Peak rates of encoder and the rest."""
_TRAINED_RATES = 5e-5, 2e-4
"""Of a system that was trained before, on what may be texts of quite another kind."""
_PASSES = 60
"""Over the documents, at most: by then a small set is known by heart."""
_FEWEST_SEEN = 400  # a good number of steps, however small the set
_STEP_CHARACTERS = 2500
"""Of the documents of a step, about; two of Re-DocRED's."""
_STEP_SHARE = 0.01
"""Of all documents, the most that are one step."""
_FEWEST_MEASURED = 5
_FEWEST_FACTS = 100
"""In documents kept aside: fewer choose nothing, for what is best on them is so by chance."""
_MEASUREMENTS = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start from: exactly one of `system` and `model`, unless relex is built of a model.

    Attributes:
        system: A new system, by name.
        model: A trained system's folder to go on with; for relex, a joint model.
        encoder: A bare encoder for the new system, a folder or a name on the hub.
        teacher: Folder of a trained system that kd-docre also learns from.
        options: Of the new system.
    """

    system: str | None = None
    model: str | Path | None = None
    encoder: str | Path | None = None
    teacher: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Tells plans apart."""
        return repr((self.system, self.model, self.encoder, self.teacher, dict(self.options)))


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a run.

    Attributes:
        development: How many records were kept aside and measured.
        steps: Updates.
        seen: Documents that were learned from, counted again each time.
        after: Of the records kept aside; None where there were none.
        chosen: Whether these were enough to choose weights and margins by.
        with_itself: Relations of an entity with itself, which no system can find.
    """

    folder: Path
    system: str
    records: int
    development: int
    minutes: float
    steps: int
    seen: int
    before: Tally | None
    after: Tally | None
    chosen: bool
    with_itself: int

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for scripts."""
        return {
            "folder": str(self.folder),
            "system": self.system,
            "records": self.records,
            "development_records": self.development,
            "minutes": round(self.minutes, 1),
            "steps": self.steps,
            "documents_seen": self.seen,
            "before": self.before and self.before.to_json(),
            "after": self.after and self.after.to_json(),
            "chosen": self.chosen,
            "relations_with_itself": self.with_itself,
        }


def train_system(
    files: Sequence[Path],
    out: Path,
    plan: Plan,
    *,
    development: Path | None = None,
    minutes: float = 30.0,
    device: str = "auto",
    seed: int = 13,
    progress: Progress | None = None,
) -> Trained:
    """Train a system on annotated documents; a run that was killed goes on.

    Args:
        files: JSON Lines of annotated records, gzipped or not.
        out: Receives the system; while training, what is needed to go on after a kill.
        plan: What to start from.
        development: Records to measure on; by default a tenth of `files`.
        minutes: Of training; measuring before and after comes on top.
        device: Where to run.
        seed: Of everything that is drawn.
        progress: Is told how it goes.

    Raises:
        DocumentError: A file is no set of records, or there is nothing to learn in them.
        ModelError: The system cannot be made or trained, or `out` holds something else.
    """
    records = [record for path in files for record in read_set(path)]
    where = ", ".join(map(str, files))
    if not any(record.relations for record in records):
        raise DocumentError(f"{where}: no record has a relation; annotate some to learn from")
    if development is not None:
        training, kept_aside = records, read_set(development)
    else:
        training, kept_aside = hold_out(records, seed, where)
    run = fingerprint([*files, development or Path()], plan.name, seed)
    return learn(
        training, kept_aside, out, plan, run=run, minutes=minutes, device=device, seed=seed,
        progress=progress,
    )  # fmt: skip


def learn(
    training: Sequence[Record],
    kept_aside: Sequence[Record],
    out: Path,
    plan: Plan,
    *,
    run: str,
    minutes: float,
    labels: RelationLabels | None = None,
    device: str = "auto",
    seed: int = 13,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Trained:
    """Train a system on some records; others, if there are any, choose weights and margins.

    Args:
        training: To learn from.
        kept_aside: To measure on.
        out: Receives the system.
        plan: What to start from.
        run: Tells this run from others in the same folder.
        minutes: Of training.
        labels: What to learn; by default the relation types of the records.
        device: Where to run.
        seed: Of everything that is drawn.
        progress: Is told how it goes.
        clock: Seconds.

    Raises:
        DocumentError: A record cannot be learned from, or there is nothing to learn.
        ModelError: The system cannot be made or trained, it or its teacher does not know a relation
            type, or `out` holds something else.
    """
    progress = progress or Silent()
    check_folder(out, run, DESCRIPTION)
    torch.manual_seed(seed)
    records = [*training, *kept_aside]
    every = tasks(records, labels)
    if not any(task.teaches for task in every[: len(training)]):
        raise DocumentError("no record to learn from has two entities and a relation type")
    system, tokenizer = start(plan, labels or labels_of(records))
    where = placement(device)[0]
    teacher = load_system(plan.teacher).to(where) if plan.teacher else None
    for closed in (system, teacher):
        if closed is not None and closed.known:
            closed.columns(pooled(task.labels for task in every))
    system.to(where)
    aside = Aside(system, every[len(training) :], seed, 60 * minutes, clock)
    before = aside.tally() if plan.system is None else None
    pace = _pace(system, plan, training, minutes, seed)
    trainer = DocumentTrainer(system, pace, out / STATE, teacher=teacher, clock=clock)
    begin(out, run)
    _train(trainer, every[: len(training)], aside, progress)
    progress.stage("Measuring after training")
    trained = Trained(
        out,
        system.system,
        len(training),
        len(aside.tasks),
        trainer.elapsed / 60,
        trainer.steps,
        trainer.seen,
        before,
        aside.settle(),
        aside.chooses,
        sum(head == tail for record in records for head, _, tail in record.relations),
    )
    save_system(out, system.cpu(), tokenizer)
    told = {"run": run, **trained.to_json()}
    del told["folder"]
    (out / RUN).write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    (out / STATE).unlink(missing_ok=True)
    return trained


class Aside:
    """Documents kept aside, and a system that is measured on them.

    With few facts in them they choose nothing. Of slow systems only so many are measured as the
    time allows: a tenth of that of training while it goes on, and once a tenth after it. Of very
    slow ones the last weights are taken.

    Args:
        system: Is measured as it is at any moment.
        tasks: The documents.
        seed: Of their order.
        seconds: Of training.
        clock: Seconds.

    Attributes:
        tasks: Those that are measured after training.
        while_training: Whether there is time to measure while training.
    """

    def __init__(
        self,
        system: RelationSystem,
        tasks: Sequence[Task],
        seed: int,
        seconds: float,
        clock: Callable[[], float],
    ) -> None:
        shuffled = random.Random(seed).sample(list(tasks), len(tasks))
        self._system = system
        most = 0.1 * seconds / self._cost(shuffled[:1], clock)
        self.tasks = shuffled[: max(_FEWEST_MEASURED, int(most))]
        self._some = shuffled[: max(_FEWEST_MEASURED, int(most / _MEASUREMENTS))]
        facts = sum(len(task.facts) for task in self._some)
        self.while_training = 0 < len(self._some) <= most and facts >= _FEWEST_FACTS

    @property
    def chooses(self) -> bool:
        """Whether there is enough here to choose margins by."""
        return sum(len(task.facts) for task in self.tasks) >= _FEWEST_FACTS

    def _cost(self, tasks: Sequence[Task], clock: Callable[[], float]) -> float:
        """Seconds of a document."""
        started = clock()
        self._system.eval()
        margins(self._system, tasks)
        return max(1e-6, clock() - started)

    def score(self) -> float:
        """F1 of some of them, at the best shift."""
        found = margins(self._system, self._some)
        return found.tally(found.best_shift()).f1

    def tally(self) -> Tally | None:
        """What the system finds in all of them."""
        if not self.tasks:
            return None
        self._system.eval()
        return margins(self._system, self.tasks).tally(self._system.shift)

    def settle(self) -> Tally | None:
        """Give the system the shift and temperature that are best here, if there is enough here."""
        if not self.tasks:
            return None
        self._system.eval()
        found = margins(self._system, self.tasks)
        if self.chooses:
            self._system.shift = found.best_shift()
            self._system.temperature = found.temperature(self._system.shift)
        return found.tally(self._system.shift)


def start(plan: Plan, labels: RelationLabels) -> tuple[RelationSystem, Tokenizer]:
    """Make or load the system that is to be trained, with its tokenizer.

    Raises:
        ModelError: It cannot be had.
    """
    if plan.system is None:
        folder = Path(plan.model or "")
        return load_system(folder), read_tokenizer(folder)
    if plan.system not in SYSTEMS:
        raise ModelError(f"no system is called {plan.system!r}; there are {', '.join(SYSTEMS)}")
    if plan.system == RelexRelations.system and plan.encoder is None:
        folder = model_folder(plan.model or BUNDLED)
        return from_joint(folder), read_tokenizer(folder)
    transformer, tokenizer = bare_encoder(plan.encoder or default_folder())
    return build(plan.system, transformer, tokenizer, labels, plan.options), tokenizer


def bare_encoder(name: str | Path) -> "tuple[PreTrainedModel, Tokenizer]":
    """An encoder of `transformers` and its tokenizer, without dropout.

    Raises:
        ModelError: It cannot be loaded.
    """
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(str(name))
        for rate in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
            if hasattr(config, rate):
                setattr(config, rate, 0.0)  # its random numbers are a third of a step on a CPU
        transformer = AutoModel.from_pretrained(
            str(name),
            config=config,
            dtype=torch.float32,  # some are stored in half of it
            attn_implementation="eager",  # the other kernels are slow to learn short texts on a CPU
        )
        tokenizer: Tokenizer = AutoTokenizer.from_pretrained(str(name)).backend_tokenizer
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{name}: cannot be loaded as an encoder: {reason}") from error
    if hasattr(transformer, "pooler"):
        transformer.pooler = None
    return transformer, tokenizer


def _pace(
    system: RelationSystem, plan: Plan, training: Sequence[Record], minutes: float, seed: int
) -> DocumentPace:
    length = sum(len(record.text) for record in training) / max(1, len(training))
    fitting = min(_STEP_CHARACTERS / max(1, length), _STEP_SHARE * len(training))
    scale = min(1.0, _WIDTH / int(system.transformer.config.hidden_size))
    encoder, rest = _NEW_RATES if plan.system else _TRAINED_RATES
    return DocumentPace(
        minutes,
        encoder_rate=encoder * scale,
        head_rate=rest * scale,
        examples=max(_FEWEST_SEEN, _PASSES * len(training)),
        seed=seed,
        documents=max(2, round(fitting)),
    )


def _train(
    trainer: DocumentTrainer, tasks: Sequence[Task], aside: Aside, progress: Progress
) -> None:
    """Train, measuring now and then."""
    told = trainer.seen
    progress.stage("Training")

    def report(losses: dict[str, float]) -> None:
        nonlocal told
        progress.advance(trainer.seen - told)
        told = trainer.seen

    def measure() -> float:
        score = aside.score()
        best = max([score, *trainer.scores])
        progress.stage(f"Training, {trainer.progress:.0%} done, best F1 {100 * best:.1f}")
        return score

    try:
        trainer.train(tasks, report, measure if aside.while_training else None)
    except KeyboardInterrupt:
        trainer.save()
        raise
    except torch.OutOfMemoryError as error:
        raise ModelError("the device has too little memory; use `--device cpu`") from error
