"""From names to entities: which names, in one document and across all, mean one thing.

`resolution.py` decides, first within each document, then across all. From the bottom up: `names.py`
takes a name apart, by the customs of its kind (`kinds.py`: a person's, an organization's);
`matching.py` says when two names can mean one thing; `clustering.py` groups what pairs of scores
hold together; `linking.py` puts these to work on many names. What people have decided is law to all
of them (`judging.py`). `records.py` has what goes in and what comes out.
"""

from kgbuild.resolution.judging import labels_of
from kgbuild.resolution.records import (
    Cluster,
    Decision,
    Embed,
    Judgement,
    Key,
    Known,
    Name,
    Resolution,
)
from kgbuild.resolution.resolution import resolve

__all__ = [
    "Cluster",
    "Decision",
    "Embed",
    "Judgement",
    "Key",
    "Known",
    "Name",
    "Resolution",
    "labels_of",
    "resolve",
]
