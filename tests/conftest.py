import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from servers import Neo4j
    from tokenizers import Tokenizer

os.environ["PYTHONSAFEPATH"] = "1"  # child processes import what is installed, never ./kgbuild


class Outcome(NamedTuple):
    """What a command leaves behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys) -> Callable[..., Outcome]:
    """Run a command as the console script does: `run("ingest", folder, "--json")`."""
    from kgbuild.cli import main

    def run_main(*arguments: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit:
            main([str(argument) for argument in arguments])
        return Outcome(exit.value.code or 0, *capsys.readouterr())

    return run_main


@pytest.fixture
def file(tmp_path):
    """Write a file: `file("a.txt", "text")`."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture(scope="session")
def neo4j_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty Neo4j: that of NEO4J_URI, else of a server of our own."""
    from servers import LocalServer, Unavailable

    if url := os.environ.get("NEO4J_URI"):
        yield url
        return
    try:
        server = LocalServer(tmp_path_factory.mktemp("neo4j"))
        server.start()
    except Unavailable as reason:
        pytest.skip(f"no Neo4j: {reason}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEO4J_USERNAME", "neo4j")
        patch.setenv("NEO4J_PASSWORD", server.password)
        yield server.url
    server.stop()


@pytest.fixture
def neo4j(neo4j_server: str) -> "Iterator[Neo4j]":
    """An empty database, emptied again afterwards; one that holds something is left alone."""
    from servers import Neo4j

    with Neo4j(neo4j_server) as database:
        if database.rows("MATCH (n) RETURN count(n)") != [[0]]:
            pytest.fail("NEO4J_URI is not empty, and the tests would empty it; give another")
        yield database
        database.empty()


WORDS = (
    "ada lovelace charles babbage london engine"
    " wrote about the analytical in person city works with"
)


def make_tokenizer() -> "Tokenizer":
    """Words, and letters for all other words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    characters = [chr(c) for c in range(33, 127) if not chr(c).isupper()]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *characters, *(f"##{c}" for c in characters)]
    vocabulary += WORDS.split()
    tokenizer = Tokenizer(
        models.WordPiece({word: i for i, word in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


@pytest.fixture
def tokenizer() -> "Tokenizer":
    return make_tokenizer()


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT encoder as `transformers` saves it."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("encoder")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=make_tokenizer(),
        pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        model_max_length=512,
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=512, initializer_range=0.4,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def checkpoint_folder(encoder_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A joint model of the real format, made in a moment; its heads are untrained."""
    import torch

    from kgbuild.models.checkpoint import from_encoder, save

    torch.manual_seed(5)
    model, tokenizer, values = from_encoder(encoder_folder, layers=1)
    for head in (model.spans, model.entity_labels, model.pairs):
        for weight in head.parameters():
            weight.data *= 2.5  # so that scores spread from 0 to 1
    folder = tmp_path_factory.mktemp("checkpoint")
    save(folder, model, tokenizer, values)
    return folder
