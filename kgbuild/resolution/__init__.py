"""From names to entities: which names, in one document and across all, mean one thing.

`resolution.py` decides, first within each document, then across all. From the bottom up: `names.py`
takes a name apart, by the customs of its kind (`kinds.py`: a person's, an organization's);
`matching.py` says when two names can mean one thing; `clustering.py` groups what pairs of scores
hold together; `linking.py` puts these to work on many names.
"""

from kgbuild.resolution.resolution import Cluster, Decision, Embed, Name, Resolution, resolve

__all__ = ["Cluster", "Decision", "Embed", "Name", "Resolution", "resolve"]
