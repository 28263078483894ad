"""Answer a question from the graph of the examples, with the passages and facts it rests on.

    kgbuild ingest examples/documents --ontology examples/ontology.yaml
    python examples/rag.py "Who founded the Meridian Light Company?"
    python examples/rag.py "Who founded the Meridian Light Company?" --model openai:gpt-5-mini

Without a model, what it would be told is printed. A model is a name that LangChain's
`init_chat_model` takes: "ollama:llama3.2" runs on your own machine. Needs
`pip install 'kgbuild[langchain]'`, and for a model `langchain` with the package of its maker.
"""

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnablePassthrough

from kgbuild import KnowledgeGraph
from kgbuild.connectors.langchain import KnowledgeGraphRetriever

FACTS = 5  # of each passage
PROMPT = ChatPromptTemplate.from_messages(
    [
        (
            "system",
            "Answer from these passages and facts alone, in a sentence or two, and name the"
            " passages in brackets, like [1]. Passages are right where a fact says otherwise: facts"
            " were read by a small model. If they do not answer the question, say so.\n\n{context}",
        ),
        ("human", "{question}"),
    ]
)


def told(retriever: BaseRetriever) -> Runnable[str, Any]:
    """From a question to what a model is told."""
    return {"context": retriever | in_words, "question": RunnablePassthrough()} | PROMPT


def answers(retriever: BaseRetriever, model: BaseChatModel) -> Runnable[str, str]:
    """From a question to an answer."""
    return told(retriever) | model | StrOutputParser()


def in_words(documents: Iterable[Document]) -> str:
    """Passages with their numbers, then the facts that have most to do with the question."""
    found = list(documents)
    passages = [
        f"[{number}] {document.metadata['document']}\n{document.page_content}"
        for number, document in enumerate(found, 1)
    ]
    facts = [fact(triple) for one in found for triple in one.metadata["triples"][:FACTS]]
    return "\n\n".join([*passages, "Facts:\n" + "\n".join(dict.fromkeys(facts))])


def fact(triple: Mapping[str, Any]) -> str:
    """An edge in a line: `Ada Lovelace, born in: London (0.98, lovelace.txt)`."""
    head, tail = triple["head"]["name"], triple["tail"].get("name") or triple["tail"]["value"]
    source = triple["evidence"][0]["document"]
    return f"{head}, {triple['type']}: {tail} ({triple['score']:.2f}, {source})"


def main() -> None:
    """Answer the question of the command line."""
    parser = argparse.ArgumentParser(description="Answer a question from a graph.")
    parser.add_argument("question")
    parser.add_argument("--from", dest="folder", default="kg", help="the folder of the graph")
    parser.add_argument("--model", help="a chat model, as `init_chat_model` names it")
    options = parser.parse_args()
    with KnowledgeGraph.open(options.folder, create=False) as kg:
        retriever = KnowledgeGraphRetriever(graph=kg, k=4)
        if options.model:
            from langchain.chat_models import init_chat_model

            model = init_chat_model(options.model)
            print(answers(retriever, model).invoke(options.question))  # noqa: T201
        else:
            print(told(retriever).invoke(options.question).to_string())  # noqa: T201


if __name__ == "__main__":
    main()
