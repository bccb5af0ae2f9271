"""Which nodes hold which partitions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.cluster import holders

PLACES = st.sets(st.integers(0, 200).map(lambda number: f"node-{number}:50080"), min_size=1, max_size=12)
REPLICAS = st.integers(0, 14)
PARTITION = st.integers(0, 63)


@given(PLACES, REPLICAS, PARTITION)
def test_every_partition_has_as_many_holders_as_there_should_be(
    places: set[str], replicas: int, partition: int
) -> None:
    chosen = holders(partition, places, replicas)
    assert chosen <= places
    assert len(chosen) == (min(replicas, len(places)) or len(places))


@given(st.permutations([f"node-{number}:50080" for number in range(6)]), st.integers(1, 5), PARTITION)
def test_all_nodes_agree(places: list[str], replicas: int, partition: int) -> None:
    assert holders(partition, places, replicas) == holders(partition, sorted(places) * 2, replicas)


@given(PLACES, st.integers(1, 14), PARTITION, st.data())
def test_a_node_that_goes_moves_only_what_it_held(
    places: set[str], replicas: int, partition: int, data: st.DataObject
) -> None:
    """And, read from its end, one that comes takes only what it holds then."""
    before = holders(partition, places, replicas)
    gone = data.draw(st.sampled_from(sorted(places)))
    after = holders(partition, places - {gone}, replicas)
    if gone not in before:
        assert after == before
    else:
        assert after >= before - {gone}
        assert len(after - before) <= 1


def test_the_shares_are_about_the_same() -> None:
    places = [f"10.0.0.{number}:50080" for number in range(1, 5)]
    for replicas in (1, 2, 3):
        chosen = [holders(partition, places, replicas) for partition in range(400)]
        shares = [sum(place in each for each in chosen) for place in places]
        assert sum(shares) == 400 * replicas
        assert min(shares) > 70 * replicas
