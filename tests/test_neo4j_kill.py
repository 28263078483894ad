"""A server that is killed while a graph is written to it."""

import os
import random
import threading
import time

import pytest
from reading import ingested
from servers import LocalServer, Neo4j, Unavailable

from kgbuild import StoreError

pytestmark = pytest.mark.slow

TIMES = int(os.environ.get("KGBUILD_KILLS", "2"))
NAMES = [f"{a} {b}" for a in ("Ada", "Bob", "Cyd", "Dan") for b in ("Ames", "Bell", "Cole")]


@pytest.fixture
def server(tmp_path, monkeypatch):
    try:
        server = LocalServer(tmp_path / "neo4j")
    except Unavailable as reason:
        pytest.skip(str(reason))
    monkeypatch.setenv("NEO4J_USERNAME", "neo4j")
    monkeypatch.setenv("NEO4J_PASSWORD", server.password)
    monkeypatch.delenv("NEO4J_DATABASE", raising=False)
    monkeypatch.setattr("kgbuild.connectors.neo4j.writing._AT_ONCE", 20)  # many transactions
    server.start()
    yield server
    server.kill()


def texts(number):
    said = (f"{name} works for C{n}. " for n, name in enumerate(NAMES * 3, number))
    return {f"{number}/{i}.txt": text for i, text in enumerate(said)}


def killed_in_mid_write(server, kg, after):
    """Kill the server so many seconds after a write has begun, and start it again."""
    problems = []

    def push():
        try:
            kg.push(server.url)
        except StoreError as problem:
            problems.append(problem)

    writing = threading.Thread(target=push)
    writing.start()
    time.sleep(after)
    server.kill()
    server.start()
    writing.join(120)
    assert not writing.is_alive()
    assert all("\n" not in str(problem) for problem in problems)


def test_a_write_that_was_cut_off_is_finished_by_the_next(server, tmp_path):
    chance = random.Random(7)
    with ingested(tmp_path, texts(0)) as kg, Neo4j(server.url) as database:
        began = time.monotonic()
        kg.push(server.url)
        seconds = time.monotonic() - began
        whole = database.contents()
        for _ in range(TIMES):
            database.rows("MATCH (n) DETACH DELETE n")
            killed_in_mid_write(server, kg, chance.uniform(0, seconds))
            kg.push(server.url)
            assert database.contents() == whole
            assert not kg.diff(server.url)
