import pytest

from kgbuild.datatypes import Literal
from kgbuild.literals import literal


@pytest.mark.parametrize(
    ("text", "value", "datatype"),
    [
        ("10 December 1815", "1815-12-10", "date"),
        ("December 10, 1815", "1815-12-10", "date"),
        ("the 3rd of May", "the 3rd of May", "string"),
        ("3rd of May 1990", "1990-05-03", "date"),
        ("Sept. 2001", "2001-09", "gYearMonth"),
        ("2001-09", "2001-09", "gYearMonth"),
        ("1815-12-10", "1815-12-10", "date"),
        ("in 1984", "1984", "gYear"),
        ("31 February 2000", "31 February 2000", "string"),
        ("05/03/1917", "05/03/1917", "string"),
        ("the nineties", "the nineties", "string"),
    ],
)
def test_dates_are_normalised_where_there_is_one_reading(text, value, datatype):
    assert literal(text, "date") == Literal(value, datatype)


@pytest.mark.parametrize(
    ("text", "value", "datatype"),
    [
        ("19,550", "19550", "integer"),
        ("3.50", "3.5", "decimal"),
        ("-7", "-7", "integer"),
        ("1.2 million", "1200000", "integer"),
        ("seven", "7", "integer"),
        ("38.4%", "38.4%", "string"),
        ("$3 million", "$3 million", "string"),
        ("1,2,3", "1,2,3", "string"),
    ],
)
def test_numbers_lose_their_grouping_but_never_a_unit(text, value, datatype):
    assert literal(text, "number") == Literal(value, datatype)


def test_text_keeps_its_words_and_loses_its_line_breaks():
    assert literal("a  quiet\nharbour", "text") == Literal("a quiet harbour")
