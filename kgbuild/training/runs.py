"""What training runs share: texts kept aside, and a folder in which a killed one goes on."""

import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path

from kgbuild.errors import DocumentError, ModelError
from kgbuild.training.data import Record

RUN = "training.json"
STATE = "state.pt"
_FEWEST_TEXTS = 10


def hold_out(records: Sequence[Record], seed: int, where: str) -> tuple[list[Record], list[Record]]:
    """Records to train on, and those of a tenth of the texts.

    Raises:
        DocumentError: There are too few.
    """
    texts = sorted({record.text for record in records})
    if len(texts) < _FEWEST_TEXTS:
        raise DocumentError(
            f"{where}: {len(texts)} texts are too few to hold some out;"
            f" annotate at least {_FEWEST_TEXTS}, or give others with --dev"
        )
    chosen = set(random.Random(seed).sample(texts, len(texts) // 10))
    return (
        [record for record in records if record.text not in chosen],
        [record for record in records if record.text in chosen],
    )


def fingerprint(files: Sequence[Path], start: str, seed: int) -> str:
    """Tells runs apart."""
    digest = hashlib.sha256(f"{start} {seed}".encode())
    for path in files:
        digest.update(path.read_bytes() if path.is_file() else b"")
        digest.update(b"\0")
    return digest.hexdigest()


def check_folder(out: Path, run: str, finished: str) -> None:
    """Refuse a folder that holds anything but an unfinished run of the same kind.

    Args:
        out: The folder.
        run: Its fingerprint.
        finished: The file that only a finished model has.

    Raises:
        ModelError: It does.
    """
    if not out.exists() or not any(out.iterdir()):
        return
    try:
        known = json.loads((out / RUN).read_text("utf-8")).get("run")
    except (OSError, ValueError, AttributeError):
        raise ModelError(f"{out}: is not empty; give `--out` a new folder") from None
    if known != run:
        raise ModelError(
            f"{out}: holds a run with other files, another start or another seed;"
            " give `--out` a new folder"
        )
    if (out / finished).exists() and not (out / STATE).exists():
        raise ModelError(f"{out}: holds the finished model of this run; give `--out` a new folder")


def begin(out: Path, run: str) -> None:
    """Make the folder, and say whose it is.

    Raises:
        ModelError: It cannot be made or written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / RUN).write_text(json.dumps({"run": run}) + "\n", "utf-8")
    except OSError as error:
        reason = f"{out}: cannot be written to: {error.strerror}; give `--out` another folder"
        raise ModelError(reason) from error
