import codecs
import json
import os
import shutil
import tempfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import docx
import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from kgbuild import readers
from kgbuild.datatypes import Document
from kgbuild.errors import DocumentError
from kgbuild.readers import Skipped, Unreadable, read


def only(path: Path) -> Document:
    """The one document of a file."""
    (document,) = read([path])
    assert isinstance(document, Document), document
    return document


def reason(path: Path) -> str:
    """Why the file could not be read."""
    (item,) = read([path])
    assert isinstance(item, Unreadable), item
    assert item.source == str(path)
    assert "\n" not in item.reason
    return item.reason


@pytest.fixture
def file(tmp_path):
    """Write a file: `file("a.txt", "text")`."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


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


# PDF


def pdf(path: Path, *pages: str, password: str = "", owner: str = "") -> Path:
    writer = pypdf.PdfWriter()
    font = DictionaryObject({NameObject("/Type"): NameObject("/Font")})
    font[NameObject("/Subtype")] = NameObject("/Type1")
    font[NameObject("/BaseFont")] = NameObject("/Helvetica")
    for text in pages:
        page = writer.add_blank_page(300, 300)
        fonts = DictionaryObject({NameObject("/F"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        lines = "".join(f"({line}) Tj T* " for line in text.splitlines())
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F 12 Tf 14 TL 10 250 Td {lines}ET".encode())
        page[NameObject("/Contents")] = writer._add_object(stream)
    if password or owner:
        writer.encrypt(password, owner, algorithm="RC4-128")
    writer.write(path)
    return path


def test_pdf_knows_its_pages(tmp_path):
    document = only(pdf(tmp_path / "a.pdf", "Ada wrote a pro-\ngram.", "", "It ran."))
    assert document.text == "Ada wrote a program.\n\n\n\nIt ran."
    spans = document.metadata["pages"]
    assert [document.text[a:b] for a, b in spans] == ["Ada wrote a program.", "", "It ran."]
    assert document.metadata["pages_without_text"] == 1


def test_pdf_of_pictures(tmp_path):
    path = pdf(tmp_path / "a.pdf", "", "")
    assert reason(path) == "has no text on its 2 pages: run text recognition first"


def test_pdf_with_a_password(tmp_path):
    path = pdf(tmp_path / "a.pdf", "Ada", password="secret")
    assert reason(path) == "is encrypted: save it without a password"


def test_pdf_that_anyone_may_read_but_not_change(tmp_path):
    assert only(pdf(tmp_path / "a.pdf", "Ada", owner="secret")).text == "Ada"


def test_broken_pdf(file, tmp_path, capfd):
    whole = pdf(tmp_path / "whole.pdf", "Ada").read_bytes()
    for content in (b"%PDF-1.4 no more", b"hello", whole[: len(whole) // 3]):
        problem = reason(file("a.pdf", content))
        assert problem.startswith(("is not a PDF that can be read: ", "has no text on its 0 pages"))
    assert capfd.readouterr() == ("", "")


# Word


def test_word_keeps_the_order_of_paragraphs_and_tables(tmp_path):
    source = docx.Document()
    source.add_heading("Ada")
    source.add_paragraph("She wrote\ta program.")
    table = source.add_table(2, 2)
    for cell, text in zip(table._cells, ["who", "when", "Ada", "1843"], strict=True):
        cell.text = text
    table.cell(1, 0).add_table(1, 1).cell(0, 0).text = "King"
    source.add_paragraph("It ran.")
    source.save(str(tmp_path / "a.docx"))
    assert only(tmp_path / "a.docx").text.split("\n\n") == [
        "Ada",
        "She wrote\ta program.",
        "who | when\nAda King | 1843",
        "It ran.",
    ]


def test_word_counts_insertions_and_text_boxes_once_and_deletions_never(tmp_path):
    from docx.oxml import parse_xml

    namespaces = (
        'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
        'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    )
    box = "<w:txbxContent><w:p><w:r><w:t>A box.</w:t></w:r></w:p></w:txbxContent>"
    paragraph = f"""<w:p {namespaces}><w:pPr><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr>
      <w:r><w:t>Ada </w:t></w:r><w:ins><w:r><w:t>Lovelace</w:t></w:r></w:ins>
      <w:del><w:r><w:delText>Byron</w:delText></w:r></w:del>
      <w:r><mc:AlternateContent><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>
      </mc:AlternateContent></w:r></w:p>"""
    control = f"<w:sdt {namespaces}><w:sdtContent>{paragraph}</w:sdtContent></w:sdt>"
    source = docx.Document()
    source.element.body.insert(0, parse_xml(control))
    source.save(str(tmp_path / "a.docx"))
    assert only(tmp_path / "a.docx").text == "Ada Lovelace\n\nA box."


def test_broken_word(file, tmp_path):
    assert reason(file("a.docx", b"PK no")) == (
        "is not a .docx file, or has a password: save it as .docx"
    )
    with zipfile.ZipFile(tmp_path / "b.docx", "w") as archive:
        archive.writestr("a.xml", "<a/>")
    assert reason(tmp_path / "b.docx").startswith("is not a Word document that can be read:")


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.docx", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("word/document.xml", "w", force_zip64=True) as part:
            for _ in range(300):
                part.write(bytes(1 << 20))
    assert reason(tmp_path / "a.docx") == "unpacks to 300 MB; the limit is 256 MB"


# Rows


def lines(*values: object) -> str:
    return "\n".join(value if isinstance(value, str) else json.dumps(value) for value in values)


def test_each_line_of_jsonl_is_a_document(file):
    ada = {"id": "ada", "text": "Ada", "year": 1815, "source": "x"}
    path = file("a.jsonl", lines(ada, "", {"text": "Bob", "id": 7}))
    assert list(read([path])) == [
        Document("ada", "Ada", {"source": str(path), "row": 1, "year": 1815, "source_": "x"}),
        Document("7", "Bob", {"source": str(path), "row": 3}),
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"text": "Ada"', "is not valid JSON: Expecting ',' delimiter: line 1 column 15"),
        ('{"text": "Ada"} {"text": "Bob"}', "has more than one JSON value"),
        ("[" * 100_000, "is not valid JSON: maximum recursion depth"),
        ("9" * 5_000, "is not valid JSON: Exceeds the limit"),
        ('"Ada"', 'is not an object with a "text", but "Ada"'),
        ('{"txt": "Ada"}', 'has no "text"'),
        ('{"text": 5}', 'has a "text" that is not a string: 5'),
        ('{"text": " "}', "is empty"),
        ('{"text": "Ada", "id": [1]}', 'has an "id" that is neither a string nor a whole number'),
        ('{"text": "Ada", "id": "bob"}', 'has the id "bob", as a.jsonl#1 has'),
    ],
    ids=lambda value: value[:20],
)
def test_a_broken_line_costs_that_line_only(file, line, problem):
    path = file("a.jsonl", lines({"text": "Bob", "id": "bob"}, line, {"text": "Eve"}))
    bob, broken, eve = read([path])
    assert (bob.id, eve.id) == ("bob", "a.jsonl#3")
    assert (broken.id, broken.source) == ("a.jsonl#2", str(path))
    assert broken.reason.startswith(problem)


def test_an_id_may_be_taken_by_a_file(file, tmp_path):
    file("a.txt", "Ada")
    file("b.jsonl", lines({"text": "Bob", "id": "a.txt"}))
    _, second = read([tmp_path])
    assert (second.id, second.reason) == ("b.jsonl#1", 'has the id "a.txt", as a.txt has')


def test_half_a_surrogate_pair_never_reaches_a_document(file):
    row = r'{"text": "\ud83d\ude00 \ud800 \u0000", "id": "\udc00", "a": ["\ud800"]}'
    document = only(file("a.jsonl", row))
    assert (document.text, document.id) == ("😀 \ufffd \ufffd", "\ufffd")
    assert document.metadata["a"] == ["\ufffd"]


def test_a_huge_row(file):
    text = "Ada " * 1_000_000
    for path in (file("a.jsonl", json.dumps({"text": text})), file("a.csv", f'text\n"{text}"\n')):
        assert only(path).text == text


def test_json_holds_a_list_or_one_document(file):
    path = file("a.json", json.dumps([{"text": "Ada"}, 5, {"text": "Bob", "id": "bob"}]))
    ada, broken, bob = read([path])
    assert (ada.id, broken.id, bob.id) == ("a.json#1", "a.json#2", "bob")
    assert only(file("b.json", '{"text": "Ada"}')).id == "b.json"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('[{"text": "Ada"}, {]', "is not valid JSON: Expecting property name"),
        ('[{"text": "Ada"}', "is not valid JSON: Expecting value"),
    ],
)
def test_a_list_of_json_is_read_as_far_as_it_is_whole(file, content, problem):
    ada, broken = read([file("a.json", content)])
    assert ada.text == "Ada"
    assert broken.reason.startswith(problem)
    assert broken.reason.endswith("the rest of the list is lost")


def test_lines_in_a_json_file(file):
    path = file("a.json", '{"text": "a"}\n{"text": "b"}')
    assert reason(path) == "has more than one JSON value: one on each line is .jsonl"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_each_row_of_csv_is_a_document(file, separator):
    rows = (["ID", "Text", "year"], ["ada", '"Ada,\n""King""; x"', "1815"], ["", "Bob", ""])
    path = file("a.csv", "\ufeff" + "\r\n".join(separator.join(row) for row in rows))
    source = str(path)
    assert list(read([path])) == [
        Document("ada", 'Ada,\n"King"; x', {"source": source, "row": 1, "year": "1815"}),
        Document("a.csv#2", "Bob", {"source": source, "row": 2, "year": ""}),
    ]


def test_broken_rows_of_csv(file):
    path = file("a.csv", 'text,id\nAda,1,more\n"Bob"by,2\n\nEve,3\n"never closed,4\nMallory,5\n')
    items = list(read([path]))
    assert [item.id for item in items] == ["a.csv#1", "a.csv#2", "3", "a.csv#4"]
    assert [getattr(item, "reason", "")[:41] for item in items] == [
        "has 3 cells, the header 2: quote text wit",
        "is not valid CSV: ',' expected after '\"'",
        "",
        "is not valid CSV: unexpected end of data",
    ]


def test_csv_without_a_text_column(file):
    expected = 'has no column "text", but: body, id; its first row must name them'
    assert reason(file("a.csv", "body,id\nAda,1")) == expected


def test_the_csv_module_is_left_as_it_was(file):
    import csv

    before = csv.field_size_limit()
    for _ in read([file("a.csv", "text\nAda\nBob")]):
        assert csv.field_size_limit() == before
