"""What becomes of PDF, Word, JSON and CSV."""

import json
import zipfile
from pathlib import Path

import docx
import pypdf
import pytest
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject
from reading_files import only, reason

from kgbuild.datatypes import Document
from kgbuild.readers import read

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
