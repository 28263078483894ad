import hashlib
import subprocess
import sys
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from kgbuild import ModelError
from kgbuild.embeddings import Embedder, check_weights


class Memory(dict[str, bytes]):
    """A cache that notes what it is asked to keep."""

    def vectors(self, model: str, hashes: Sequence[str]) -> Mapping[str, bytes]:
        return {hash: self[hash] for hash in hashes if hash in self}

    def add_vectors(self, model: str, vectors: Mapping[str, bytes]) -> None:
        self.update(vectors)


@pytest.fixture(scope="module")
def memory() -> Memory:
    return Memory()


@pytest.fixture(scope="module")
def embedder(memory) -> Embedder:
    return Embedder(device="cpu", cache=memory)


def test_texts_with_the_same_meaning_are_closer(embedder):
    ship, boat, tax = embedder.embed(["a sailing ship", "a boat with sails", "income tax"])
    assert ship @ boat > 0.5 > ship @ tax


def test_vectors_have_length_one_and_come_in_the_order_of_the_texts(embedder):
    vectors = embedder.embed(["b", "a", "b"])
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(vectors[0], vectors[2])


def test_no_text_gives_no_vector(embedder):
    assert len(embedder.embed([])) == 0


def test_what_the_cache_holds_is_not_computed_again(embedder, memory):
    first = embedder.embed(["remembered"])
    assert hashlib.sha256(b"remembered").hexdigest() in memory
    unloadable = Embedder("no/such/model", cache=memory)
    np.testing.assert_array_equal(unloadable.embed(["remembered"]), first)


def test_a_folder_that_is_no_model_is_named_in_the_error(tmp_path):
    with pytest.raises(ModelError, match=f"embedding model `{tmp_path}`: cannot be loaded; give"):
        Embedder(tmp_path).embed(["text"])


def test_weights_that_are_not_the_published_ones_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"something else")
    with pytest.raises(ModelError, match="not the published weights"):
        check_weights(path, "53aa")


def test_weights_that_are_missing_are_named_in_the_error(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        check_weights(tmp_path / "model.safetensors", "53aa")


def test_the_default_model_embeds_as_sentence_transformers_does(embedder):
    from sentence_transformers import SentenceTransformer

    from kgbuild.embeddings import default_folder

    texts = ["a sailing ship", "Zoë \u2013 née Ångström", "word " * 400, "IBM"]
    expected = SentenceTransformer(str(default_folder()), device="cpu").encode(
        texts, normalize_embeddings=True
    )
    np.testing.assert_allclose(embedder.embed(texts), expected, atol=1e-5)


def test_embedding_by_the_default_model_does_not_import_the_library():
    code = (
        "import sys; from kgbuild.embeddings import Embedder; Embedder().embed(['a ship']);"
        "print('sentence_transformers' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("False False", "")
