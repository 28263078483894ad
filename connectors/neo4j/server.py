"""The Neo4j driver, used with care: managed transactions, one writer, errors in words for people.

Credentials and database come from the environment alone: NEO4J_USERNAME (`neo4j` if not set),
NEO4J_PASSWORD (none: a server without authentication), NEO4J_DATABASE (none: the user's own).
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from kgbuild.connectors.neo4j.layout import LOCK
from kgbuild.errors import StoreError

if TYPE_CHECKING:
    from neo4j import ManagedTransaction

Rows = list[list[Any]]
Statement = tuple[str, Sequence[Mapping[str, Any]]]  # Cypher, and the rows for its $rows

OLDEST = (5, 26)
_LOCK = {"key": "writer"}


class Server:
    """One database of one server.

    Raises:
        StoreError: The driver is missing; the server cannot be reached, does not know the user or
            the database, or is too old.
    """

    def __init__(self, url: str) -> None:
        if find_spec("neo4j") is None:
            raise StoreError(f"{url}: needs the Neo4j driver; run `pip install 'kgbuild[neo4j]'`")
        import neo4j

        self.url = url
        self.database = os.environ.get("NEO4J_DATABASE") or None
        password = os.environ.get("NEO4J_PASSWORD")
        user = os.environ.get("NEO4J_USERNAME") or "neo4j"
        try:
            self._driver = neo4j.GraphDatabase.driver(
                url,
                auth=(user, password) if password else None,
                user_agent="kgbuild",
                notifications_min_severity="OFF",
            )
        except ValueError as error:  # also the driver's own ConfigurationError
            raise StoreError(f"{url}: is no address of a server: {_first_line(error)}") from error
        try:
            self._check_version()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._driver.close()

    def rows(self, query: str, **parameters: object) -> Rows:
        """What a query answers; it is asked again if the server says that it may be."""

        def read(transaction: "ManagedTransaction") -> Rows:
            return transaction.run(query, parameters).values()

        with self._explained(), self._driver.session(database=self.database) as session:
            return session.execute_read(read)

    def write(self, *statements: Statement) -> None:
        """Run statements in one transaction, again if the server says that it may be."""

        def run(transaction: "ManagedTransaction") -> None:
            for query, rows in statements:
                transaction.run(query, {"rows": rows}).consume()

        with self._explained(), self._driver.session(database=self.database) as session:
            session.execute_write(run)

    def define(self, statement: str) -> None:
        """Make a constraint or an index, unless it is there; another writer may be faster."""
        from neo4j.exceptions import ClientError

        with self._explained():
            try:
                with self._driver.session(database=self.database) as session:
                    session.execute_write(lambda transaction: transaction.run(statement).consume())
            except ClientError as error:
                if "AlreadyExists" not in (error.code or ""):
                    raise

    @contextmanager
    def only_writer(self) -> Iterator[None]:
        """Wait until no other kgbuild writes to this database, and keep others out meanwhile.

        The lock is the server's own, on a node, held by a transaction that stays open: it is gone
        when that ends, however it ends.
        """
        from neo4j.exceptions import DriverError, Neo4jError

        self.write((f"UNWIND $rows AS row MERGE (:{LOCK} {{kgbuildKey: row.key}})", [_LOCK]))
        session = self._driver.session(database=self.database)
        try:
            with self._explained():
                take = f"MATCH (lock:{LOCK} {{kgbuildKey: $key}}) SET lock.held = true"
                session.begin_transaction().run(take, _LOCK).consume()
            yield
        finally:
            with suppress(DriverError, Neo4jError):
                session.close()  # which rolls back

    def _check_version(self) -> None:
        with self._explained(), self._driver.session(database=self.database) as session:
            session.run("RETURN 1").consume()  # tells of an unknown database, too
            agent = self._driver.get_server_info().agent
        numbers = re.search(r"/(\d+)\.(\d+)", agent)
        if numbers and (int(numbers[1]), int(numbers[2])) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise StoreError(f"{self.url}: is {agent}; kgbuild needs Neo4j/{oldest} or later")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from neo4j.exceptions import DriverError, Neo4jError

        try:
            yield
        except (DriverError, Neo4jError) as error:
            raise StoreError(f"{self.url}: {self._in_words(error)}") from error

    def _in_words(self, error: Exception) -> str:
        from neo4j.exceptions import ServiceUnavailable, SessionExpired

        code = getattr(error, "code", None) or ""
        if isinstance(error, ServiceUnavailable | SessionExpired):
            return "cannot be reached; is the server running there, and let through?"
        if code.endswith("DatabaseNotFound"):
            return f"has no database '{self.database}'; set NEO4J_DATABASE to one that it has"
        return _WORDS.get(code.rpartition(".")[2]) or _first_line(error)


_WORDS = {
    "Unauthorized": "refuses this user; set NEO4J_USERNAME and NEO4J_PASSWORD",
    "AuthenticationRateLimit": "has seen too many wrong passwords; wait a little and try again",
    "CredentialsExpired": "wants another password first; change it in the Neo4j browser",
    "Forbidden": "does not allow this user to write here; grant it or take another one",
    "DatabaseUnavailable": "has this database stopped; start it and try again",
}


def _first_line(error: Exception) -> str:
    """What the server says itself, shortened: it may quote what it was sent."""
    message = str(getattr(error, "message", None) or error).strip().partition("\n")[0]
    return f"the server says: {message[:200]}"
