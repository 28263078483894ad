"""The questions on the examples: what they quote is there."""

import json
from pathlib import Path

import pytest

from kgbuild import Document
from kgbuild.readers import read

EXAMPLES = Path(__file__).parents[1] / "examples"
QUESTIONS = [json.loads(line) for line in (EXAMPLES / "questions.jsonl").open(encoding="utf-8")]


@pytest.fixture(scope="module")
def texts():
    return {d.id: d.text for d in read([EXAMPLES / "documents"]) if isinstance(d, Document)}


@pytest.mark.parametrize("question", QUESTIONS, ids=[each["question"] for each in QUESTIONS])
def test_every_answer_is_a_quote(question, texts):
    assert question["answers"]
    for answer in question["answers"]:
        assert texts[answer["document"]].count(answer["quote"]) == 1


def test_no_question_is_asked_twice():
    assert len({each["question"] for each in QUESTIONS}) == len(QUESTIONS)
