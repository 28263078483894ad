import codecs
import os
import shutil
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_files import only, reason

from kgbuild import readers
from kgbuild.datatypes import Document
from kgbuild.errors import DocumentError
from kgbuild.readers import Skipped, Unreadable, read

# Folders


def test_ids_are_paths_below_the_folder_in_sorted_order(file, tmp_path):
    for name in ("b.txt", "a/z.txt", "a/b.TXT", "c.txt"):
        file(name, name)
    documents = list(read([tmp_path]))
    assert [(item.id, item.text) for item in documents] == [
        (name, name) for name in ("a/b.TXT", "a/z.txt", "b.txt", "c.txt")
    ]
    assert documents[0].metadata == {"source": str(tmp_path / "a/b.TXT")}


def test_ids_start_at_the_deepest_common_folder(file):
    a, b = file("x/a/1.txt", "1").parent, file("x/b/1.txt", "1").parent
    assert [item.id for item in read([b, a])] == ["a/1.txt", "b/1.txt"]
    assert [item.id for item in read([a / "1.txt"])] == ["1.txt"]


def test_the_order_and_overlap_of_the_paths_do_not_matter(file, tmp_path):
    paths = [file("a/1.txt", "1"), tmp_path, tmp_path / "a", file("2.txt", "2")]
    assert list(read(paths)) == list(read(paths[::-1])) == list(read([tmp_path]))


def test_paths_may_be_relative(file, tmp_path, monkeypatch):
    file("a.txt", "text")
    monkeypatch.chdir(tmp_path)
    assert list(read([Path()])) == list(read([tmp_path]))


def test_a_path_that_does_not_exist_is_an_error_at_once(file, tmp_path):
    with pytest.raises(DocumentError, match=r"b\.txt does not exist"):
        read([file("a.txt", "text"), tmp_path / "b.txt"])


def test_an_empty_folder_has_no_documents(tmp_path):
    assert list(read([tmp_path])) == list(read([])) == []


def test_hidden_files_are_passed_over(file, tmp_path):
    file(".git/a.txt", "a")
    hidden = file(".a.txt", "a")
    assert list(read([tmp_path])) == []
    assert only(hidden).id == ".a.txt"


def test_other_kinds_of_files_are_skipped_below_folders_but_not_if_named(file, tmp_path):
    picture = file("a.png", b"\x89PNG")
    (skipped,) = read([tmp_path])
    assert isinstance(skipped, Skipped)
    assert skipped.reason.startswith("is of a kind that is not read; these are: .csv .docx")
    assert reason(picture) == skipped.reason


@pytest.mark.parametrize("target", [".", "..", "../..", "loop"])
def test_a_loop_of_links_is_not_followed(file, tmp_path, target):
    file("x/a.txt", "a")
    (tmp_path / "x/loop").symlink_to(target)
    document, loop = read([tmp_path / "x"])
    assert document.id == "a.txt"
    assert (loop.id, type(loop)) == ("loop", Skipped)


def test_each_file_is_read_once_under_its_own_name(file, tmp_path):
    file("x/z/a.txt", "a")
    file("y/b.txt", "b")
    (tmp_path / "x/link").symlink_to("z")
    (tmp_path / "x/0.txt").symlink_to("z/a.txt")
    (tmp_path / "x/y").symlink_to("../y")
    items = list(read([tmp_path / "x"]))
    assert [item.id for item in items if isinstance(item, Document)] == ["y/b.txt", "z/a.txt"]
    assert [item.id for item in items if isinstance(item, Skipped)] == ["0.txt", "link"]


def test_a_link_to_nothing(tmp_path):
    (tmp_path / "a.txt").symlink_to("b.txt")
    assert reason(tmp_path / "a.txt") == "cannot be read: no such file or directory"


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.txt")
    assert reason(tmp_path / "a.txt") == "is not a regular file"


def test_a_name_that_is_not_unicode(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_text("a")
    (item,) = read([tmp_path])
    assert (item.id, item.reason[:36]) == ("\ufffd.txt", "has a name that is not valid UTF-8: ")


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of ours, seen by someone who is not root."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    user = os.geteuid()
    try:
        yield folder
    finally:
        os.seteuid(user)
        shutil.rmtree(folder)


def test_unreadable_files_and_folders(unprivileged):
    (unprivileged / "a.txt").write_text("secret")
    (unprivileged / "b.txt").write_text("public")
    (unprivileged / "c").mkdir()
    (unprivileged / "a.txt").chmod(0)
    (unprivileged / "c").chmod(0)
    if os.geteuid() == 0:
        os.seteuid(65534)
    secret, public, folder = read([unprivileged])
    assert (secret.id, secret.reason) == ("a.txt", "cannot be read: permission denied")
    assert (folder.id, folder.reason) == ("c", "cannot be read: permission denied")
    assert public.text == "public"


def test_a_file_that_vanishes_meanwhile(file, tmp_path):
    items = read([file("a.txt", "a"), file("b.txt", "b")])
    (tmp_path / "b.txt").unlink()
    assert [type(item) for item in items] == [Document, Unreadable]


def test_a_file_that_is_too_large(tmp_path):
    with (tmp_path / "a.txt").open("wb") as large:
        large.truncate(300 << 20)
    assert reason(tmp_path / "a.txt") == "has 300 MB; the limit is 256 MB: split it"


def test_a_text_of_fifty_megabytes_is_refused_and_the_next_one_read(tmp_path: Path):
    (tmp_path / "a.txt").write_text("Nothing new in the harbour today. " * 1_500_000)
    (tmp_path / "b.txt").write_text("The lamp was lit.")
    refused, document = read([tmp_path])
    assert isinstance(refused, Unreadable)
    assert refused.reason == (
        "has 51,000,000 characters; the limit for one document is 20,000,000: split it"
    )
    assert isinstance(document, Document)


def test_one_document_at_a_time_is_in_memory(file, tmp_path):
    for number in range(20):
        file(f"{number}.txt", "a" * 1_000_000)
    tracemalloc.start()
    assert sum(len(item.text) for item in read([tmp_path])) == 20_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


# Text and its encoding


@pytest.mark.parametrize("suffix", readers.SUFFIXES)
def test_an_empty_file(file, suffix):
    assert reason(file(f"a{suffix}", "")) == "is empty"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", " \n\t\n"),
        ("a.txt", "\ufeff"),
        ("a.md", "---\ntitle: Ada\n---\n"),
        ("a.jsonl", "\n\n"),
        ("a.json", " "),
        ("a.json", "[]"),
        ("a.csv", "id,text\n"),
    ],
)
def test_a_file_with_nothing_in_it(file, name, content):
    assert reason(file(name, content)) == "is empty"


def test_shift_jis_is_not_taken_for_windows_1252(file):
    path = file("a.txt", "エイダ・ラブレスは数学者".encode("shift-jis"))
    assert "its encoding cannot be told" in reason(path)


@pytest.mark.parametrize("content", [b"a\0b", b"\x89PNG\r\n\x1a\n\x01", bytes(range(1, 256))])
def test_a_binary_file(file, content):
    assert reason(file("a.txt", content)) == "is binary, not text"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_names_the_encoding(file, encoding):
    assert only(file("a.txt", "Zoë – 猫".encode(encoding))).text == "Zoë – 猫"


def test_an_old_western_text_is_read_as_windows_1252(file):
    document = only(file("a.txt", "Zoë’s café".encode("cp1252")))
    assert (document.text, document.metadata["encoding"]) == ("Zoë’s café", "cp1252")


def test_damaged_utf_8_is_not_guessed_at(file):
    path = file("a.txt", "Zoë and Chloë".encode() + b"\xff")
    assert reason(path).startswith("is damaged UTF-8: byte 15 is not text")


def test_a_character_that_the_end_of_the_file_cuts(file):
    assert reason(file("a.txt", "Zoë 猫".encode()[:-1])).startswith("is damaged UTF-8: byte 5 ")


def test_an_encoding_that_cannot_be_told(file):
    path = file("a.txt", "Ада Лавлейс, математик".encode("cp1251"))
    assert reason(path) == "is not UTF-8, and its encoding cannot be told: save it as UTF-8"


def test_what_begins_like_utf_16_but_is_not(file):
    assert reason(file("a.txt", codecs.BOM_UTF16_LE + b"Ada")).startswith("begins like UTF-16")
    path = file("b.txt", "Ada".encode("utf-16") + b"\0")
    assert reason(path).startswith("is not UTF-16-LE throughout")


def test_line_ends_become_newlines(file):
    assert only(file("a.txt", "a\r\nb\rc")).text == "a\nb\nc"


@given(content=st.binary(max_size=300), suffix=st.sampled_from(sorted(readers.SUFFIXES)))
@settings(deadline=None, max_examples=300)
def test_any_bytes_give_documents_or_reasons(tmp_path_factory, content, suffix):
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(content)
    for item in read([path]):
        assert isinstance(item, Document) and item.text.encode() and item.id.encode() or item.reason


# Markdown


def test_markdown_loses_its_marks(file):
    text = """---
title: "Notes"
draft: yes
---
# Ada *Lovelace*
She **wrote** [notes](https://a.org/x_(y) "t") on the `engine`, see [1][ref].
> A quotation with a_snake_case and 2 * 3 * 4.

| who | when |
|-----|-----:|
| Ada | 1843 |

<!-- hidden --><b>bold</b> ![a portrait](ada.png) \\*not a mark\\*

[ref]: https://a.org
"""
    document = only(file("a.md", text))
    assert document.metadata["front_matter"] == {"title": "Notes", "draft": "yes"}
    assert [line for line in document.text.splitlines() if line.strip()] == [
        "Ada Lovelace",
        "She wrote notes on the engine, see 1.",
        "A quotation with a_snake_case and 2 * 3 * 4.",
        "| who | when |",
        "| Ada | 1843 |",
        "bold a portrait *not a mark*",
    ]


# HTML


def test_html_gives_what_a_reader_sees(file):
    page = """<!doctype html><html><head><title>The
      Engine</title><style>p {}</style></head><body><nav>Home <script>x()</script></nav>
      <h1>Ada</h1>King wrote<p>the <b>first</b>
      program.<br>It ran.</p><ul><li>one<li>two</ul><div hidden>secret</div>
      <table><tr><th>who<th>when<tr><td>Ada<td>1843</table>&copy; 1843<script>y()</script>"""
    document = only(file("a.html", page))
    assert document.metadata["title"] == "The Engine"
    assert document.text.split("\n\n") == [
        "Ada",
        "King wrote",
        "the first program.\nIt ran.",
        "one",
        "two",
        "who | when\nAda | 1843",
        "© 1843",
    ]


def test_html_may_declare_its_encoding(file):
    page = '<meta charset="windows-1251"><p>Ада Лавлейс, математик'.encode("cp1251")
    document = only(file("a.html", page))
    assert (document.text, document.metadata["encoding"]) == (
        "Ада Лавлейс, математик",
        "windows-1251",
    )


def test_html_without_text(file):
    assert reason(file("a.html", "<html><script>x()</script>")) == "is empty"
