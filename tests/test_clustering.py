from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from kgbuild.resolution.clustering import Partition, average_linkage


def cluster(n, scores, apart=(), threshold=0.5) -> list[list[int]]:
    """Clusters of 0 ... n-1 for the scores of some pairs."""
    partition = Partition(n)

    def score(i, j):
        return scores.get((min(i, j), max(i, j)), 0.0)

    def is_apart(i, j):
        return (min(i, j), max(i, j)) in apart

    list(average_linkage(partition, scores, score, is_apart, threshold=threshold))
    return list(partition)


def test_pairs_join_and_what_has_no_pair_stays_alone():
    assert cluster(4, {(0, 1): 0.9}) == [[0, 1], [2], [3]]


def test_the_ends_of_a_chain_do_not_join():
    assert cluster(3, {(0, 1): 0.9, (1, 2): 0.8}) == [[0, 1], [2]]


def test_a_group_that_agrees_on_average_joins():
    scores = dict.fromkeys(combinations(range(4), 2), 0.8) | {(0, 3): 0.1}
    assert cluster(4, scores) == [[0, 1, 2, 3]]


def test_two_that_must_be_apart_keep_their_clusters_apart():
    scores = dict.fromkeys(combinations(range(3), 2), 0.9)
    assert cluster(3, scores, apart={(0, 2)}) == [[0, 1], [2]]


def test_every_decision_is_told():
    partition = Partition(3)
    decisions = average_linkage(
        partition, {(0, 1): 0.9, (0, 2): 0.8}, lambda i, j: 0.9, lambda i, j: j == 2, threshold=0.5
    )
    assert list(decisions) == [((0, 1), True), ((0, 2), False)]


N = 8
PAIRS = st.sampled_from(list(combinations(range(N), 2)))


@given(st.dictionaries(PAIRS, st.floats(0.5, 1)), st.sets(PAIRS))
def test_what_must_be_apart_is_never_together(scores, apart):
    clusters = cluster(N, scores, apart)
    assert sorted(i for members in clusters for i in members) == list(range(N))
    for members in clusters:
        assert not apart & set(combinations(members, 2))


@given(st.dictionaries(PAIRS, st.floats(0.5, 1)), st.randoms())
def test_the_order_of_the_pairs_does_not_matter(scores, random):
    shuffled = list(scores.items())
    random.shuffle(shuffled)
    assert cluster(N, dict(shuffled)) == cluster(N, scores)
