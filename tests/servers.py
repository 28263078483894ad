"""A real Neo4j server for the tests, of artifacts from Maven Central; no Docker, no root."""

import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

FILES = Path(__file__).with_name("neo4j_server")
SMALL = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # starts soon


class Unavailable(Exception):
    """There is no server, with the reason and what to do about it."""


class Neo4j:
    """A database, looked at without the code under test."""

    def __init__(self, url: str) -> None:
        import neo4j

        user, password = os.environ.get("NEO4J_USERNAME", "neo4j"), os.environ.get("NEO4J_PASSWORD")
        self.url = url
        self.auth = (user, password) if password else None
        self.database = os.environ.get("NEO4J_DATABASE")
        self.driver = neo4j.GraphDatabase.driver(
            url, auth=self.auth, notifications_min_severity="OFF"
        )

    def rows(self, query: str, **parameters: object) -> list[list[Any]]:
        result = self.driver.execute_query(query, parameters, database_=self.database)
        return [record.values() for record in result.records]

    def value(self, query: str, **parameters: object) -> Any:
        [[value]] = self.rows(query, **parameters)
        return value

    def contents(self) -> tuple[list[str], list[str]]:
        """All nodes and all relationships, with everything they say, in an order of their own.

        What a writer keeps for itself is left out.
        """
        nodes = self.rows("MATCH (n) WHERE NOT n:__kgbuildLock__ RETURN labels(n), properties(n)")
        links = self.rows(
            "MATCH (a)-[r]->(b) RETURN properties(a), type(r), properties(r), properties(b)"
        )
        return sorted(map(_as_text, nodes)), sorted(map(_as_text, links))

    def empty(self) -> None:
        some = "MATCH (n) WITH n LIMIT 10000 DETACH DELETE n RETURN count(*)"
        while self.rows(some) != [[0]]:  # all at once would need more memory than a server gives
            pass
        for [name] in self.rows("SHOW CONSTRAINTS YIELD name"):
            self.rows(f"DROP CONSTRAINT {name}")
        for name, type in self.rows("SHOW INDEXES YIELD name, type"):
            if type != "LOOKUP":
                self.rows(f"DROP INDEX {name}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.driver.close()


def _as_text(row: list[Any]) -> str:
    """Labels in order, and properties by name; a list keeps its order."""
    cells = [sorted(cell) if isinstance(cell, list) else cell for cell in row]
    return json.dumps(cells, sort_keys=True, default=str)


class LocalServer:
    """A Neo4j Community server on this machine, with its data in a folder."""

    def __init__(self, folder: Path, *, options: Sequence[str] = SMALL, apoc: bool = False) -> None:
        self.password = secrets.token_urlsafe(12)
        self.port = free_port()
        self.url = f"bolt://127.0.0.1:{self.port}"
        self.folder = folder
        self._options = options
        self._classpath = classpath(with_apoc=apoc)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        (self.folder / "plugins").mkdir(parents=True, exist_ok=True)
        for jar in map(Path, self._classpath.split(os.pathsep)):
            if jar.name.startswith("apoc-"):
                shutil.copy(jar, self.folder / "plugins")
        self._process = subprocess.Popen(
            [java(), *self._options, "-cp", self._classpath, FILES / "Server.java", self.folder,
             str(self.port)],
            env={**os.environ, "NEO4J_PASSWORD": self.password},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            stderr=(self.folder / "stderr.log").open("w"),
        )  # fmt: skip
        if not any(line.strip() == "ready" for line in self._process.stdout):
            raise Unavailable((self.folder / "stderr.log").read_text()[-500:])

    def stop(self) -> None:
        """End it as an operator would."""
        self._process.stdin.close()
        self._process.wait(60)

    def kill(self) -> None:
        """End it at once, as a power failure would."""
        self._process.kill()
        self._process.wait(60)

    def processor_seconds(self) -> float:
        """What it has used of the processors so far; 0 where the system does not tell."""
        path = Path(f"/proc/{self._process.pid}/stat")
        if not path.exists():
            return 0.0
        fields = path.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def admin(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run `neo4j-admin`; the server must not be running."""
        (self.folder / "conf").mkdir(parents=True, exist_ok=True)
        (self.folder / "conf/neo4j.conf").touch()
        return subprocess.run(
            [java(), *self._options, "-cp", self._classpath, "org.neo4j.cli.AdminTool",
             *map(str, arguments)],
            env={**os.environ, "NEO4J_HOME": str(self.folder),
                 "NEO4J_CONF": str(self.folder / "conf")},
            cwd=self.folder, capture_output=True, text=True,
        )  # fmt: skip


def java() -> str:
    found = shutil.which("java")
    if found is None or shutil.which("javac") is None:
        raise Unavailable("no JDK; install one of 17 or 21, or set NEO4J_URI to an empty database")
    return found


def classpath(*, with_apoc: bool) -> str:
    """The server's jars, downloaded once into Maven's own cache."""
    pom = FILES / ("apoc.xml" if with_apoc else "pom.xml")
    version = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "kgbuild"
    listed = cache / f"neo4j-{version}.classpath"
    if listed.exists() and all(Path(jar).exists() for jar in listed.read_text().split(os.pathsep)):
        return listed.read_text()
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable("no Maven; install it, or set NEO4J_URI to an empty database")
    cache.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(
        [maven, "--quiet", "--batch-mode", "--file", pom, "dependency:build-classpath",
         f"-Dmdep.outputFile={listed}"],
        capture_output=True, text=True,
    )  # fmt: skip
    if result.returncode:
        raise Unavailable(f"Maven cannot download Neo4j: {result.stdout.strip()[:300]}")
    return listed.read_text()


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
