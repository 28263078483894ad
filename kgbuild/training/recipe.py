"""How a model like the one in the box is made; its card says where its own run differed.

    python -m kgbuild.training.recipe DATA OUT --minutes 90

DATA is a folder of annotated sets, `NAME.jsonl.gz` each; OUT receives checkpoints and, at the end,
the compact model. A run that was killed goes on when it is started again with the same OUT. The
sets are not part of the project, the passages that were written for it are (`written.py`, in the
source, not in an installed kgbuild); the model card names all, their licences and what came of it.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from kgbuild.training.data import Record, read_records
from kgbuild.training.examples import Examples, Mix
from kgbuild.training.loop import Schedule, Trainer
from kgbuild.training.written import FOLDER, read_written

# How often each set is drawn from. What is annotated exhaustively teaches when not to answer and
# weighs most; one-pair-a-sentence sets teach many relations but no silence.
WEIGHTS = {
    "many_ontologies": 16.0,
    "redocred": 9.0,
    "text2kgbench_wikidata_tekgen": 9.0,
    "fewnerd_inter": 8.0,
    "knowledgenet": 5.0,
    "docred_ner": 4.0,
    "fewrel": 4.0,
    "wiki80": 4.0,
    "biored": 3.0,
    "semeval2010_task8": 2.5,
    "pcmsp": 2.0,
    "wikigold": 2.0,
    "wlp": 2.0,
    "btc": 1.5,
    "materials_synthesis": 1.5,
    "wnut17": 1.5,
    "bio_bc5cdr": 1.0,
    "bio_bionlp13cg": 1.0,
    "bio_craft": 1.0,
    "cyner": 1.0,
    "litbank": 1.0,
    "skillspan": 0.7,
    "bio_bionlp11id": 0.6,
    "bio_bionlp13pc": 0.6,
    "bio_ncbi_disease": 0.6,
    "bio_bc2gm": 0.5,
    "sec_filings": 0.5,
    "anem": 0.4,
    "bio_anatem": 0.4,
    "bio_linnaeus": 0.3,
}

# Each passage that was written for the project adds this much to the weight of its file: together
# they are nearly three quarters of what is drawn, for no set has more kinds of types.
WRITTEN_WEIGHT = 0.02

# Relation types of `fewrel` whose names read against the direction of their own annotation.
REVERSED = frozenset(
    {
        "biological process involves gene product",
        "causative agent of",
        "classified as",
        "gene found in organism",
        "gene plays role in process",
        "ingredient of",
        "inheritance type of",
        "is normal tissue origin of disease",
        "is primary anatomic site of disease",
        "occurs in",
    }
)


def read_mix(folder: Path) -> tuple[dict[str, list[Record]], dict[str, float]]:
    """Read every set of the mix, and say how often each is drawn from."""
    records = {name: list(read_records(folder / f"{name}.jsonl.gz")) for name in WEIGHTS}
    records["fewrel"] = [
        record
        for record in records["fewrel"]
        if not any(name in REVERSED for _, name, _ in record.relations)
    ]
    written = {path.stem: read_written(path) for path in sorted(FOLDER.glob("*.txt"))}
    weights = {name: WRITTEN_WEIGHT * len(of) for name, of in written.items()}
    return {**records, **written}, {**WEIGHTS, **weights}


def main(
    data: Annotated[Path, typer.Argument(help="Folder of annotated sets.")],
    out: Annotated[Path, typer.Argument(help="Folder for checkpoints and the model.")],
    minutes: Annotated[float, typer.Option(help="Training time.")] = 90.0,
    seed: Annotated[int, typer.Option(help="Of the order of examples.")] = 13,
) -> None:
    """Train a joint model from the all-MiniLM-L6-v2 encoder."""
    import torch

    from kgbuild.embeddings import default_folder
    from kgbuild.models.checkpoint import from_encoder, make_prompter, save_compact

    torch.manual_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    model, tokenizer, values = from_encoder(default_folder())
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    prompter = make_prompter(tokenizer, values)
    trainer = Trainer(model, prompter, Schedule(minutes, seed=seed), out / "state.pt")
    examples = Examples(*read_mix(data), Mix(), seed)
    trainer.train(iter(examples), lambda progress: typer.echo(json.dumps(progress)))
    save_compact(out / "model", model.cpu(), tokenizer, values)


if __name__ == "__main__":
    typer.run(main)
