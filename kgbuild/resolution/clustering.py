"""Average linkage that respects what must stay apart, over a sparse graph of candidate pairs."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from itertools import product

Pair = tuple[int, int]

_SAMPLE = 32  # members of each cluster whose scores are averaged; more would not change much


class Partition:
    """Disjoint sets of 0 ... n-1, each known by its smallest member."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))
        self._members = [[i] for i in range(n)]

    def find(self, i: int) -> int:
        while self._parent[i] != i:
            self._parent[i] = self._parent[self._parent[i]]
            i = self._parent[i]
        return i

    def join(self, i: int, j: int) -> None:
        first, second = sorted((self.find(i), self.find(j)))
        if first != second:
            self._parent[second] = first
            self._members[first] += self._members[second]
            self._members[second] = []

    def members(self, i: int) -> list[int]:
        return self._members[self.find(i)]

    def __iter__(self) -> Iterator[list[int]]:
        return (sorted(members) for members in self._members if members)


def average_linkage(
    partition: Partition,
    candidates: Mapping[Pair, float],
    score: Callable[[int, int], float],
    apart: Callable[[int, int], bool],
    *,
    threshold: float,
) -> Iterator[tuple[Pair, bool]]:
    """Join clusters in `partition`, best pair first, while their members agree on average.

    Only clusters that a candidate pair connects are looked at, so the cost follows the number of
    candidates, and a chain of similar pairs does not pull its two ends together.

    `score` is asked of any two members, whether they are a candidate pair or not; two clusters stay
    two if two of their members must be `apart`.

    Yields:
        Each candidate pair that was decided upon, and whether it joined two clusters.
    """
    queue = [(-value, pair, 2) for pair, value in candidates.items()]
    heapq.heapify(queue)
    while queue:
        value, (i, j), size = heapq.heappop(queue)
        if partition.find(i) == partition.find(j):
            continue
        left, right = partition.members(i), partition.members(j)
        if size != len(left) + len(right):  # they have grown since they were scored
            value = -_average(left, right, score)
            if -value >= threshold:
                heapq.heappush(queue, (value, (i, j), len(left) + len(right)))
            else:
                yield (i, j), False
        elif any(apart(a, b) for a, b in product(left, right)):
            yield (i, j), False
        else:
            partition.join(i, j)
            yield (i, j), True


def _average(left: list[int], right: list[int], score: Callable[[int, int], float]) -> float:
    pairs = list(product(left[:_SAMPLE], right[:_SAMPLE]))
    return sum(score(a, b) for a, b in pairs) / len(pairs)
