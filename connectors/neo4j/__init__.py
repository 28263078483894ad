"""A graph in Neo4j, in step with the ledger, beside whatever else the database holds.

`layout.py` says what is called what there; `rows.py` turns a graph into nodes and relationships;
`store.py` compares these with what the database holds and writes the difference; `reading.py` asks
the database questions; `bulk.py` writes files for `neo4j-admin database import`; `server.py` is the
driver, used with care. A stock server will do, 5.26 or later; APOC is not needed.

Every node of ours has the label `__kgbuild__`, every node and relationship of ours the property
`kgbuildKey`: nothing else is ever changed or deleted.
"""

from kgbuild.connectors.neo4j.layout import LAYOUTS, Layout
from kgbuild.connectors.neo4j.reading import Neo4jReader
from kgbuild.connectors.neo4j.store import Neo4jStore

__all__ = ["LAYOUTS", "Layout", "Neo4jReader", "Neo4jStore"]
