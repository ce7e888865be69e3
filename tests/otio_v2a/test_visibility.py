"""Who is seen when layers overlap."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from otio_v2a.visibility import Cover

ranges = st.tuples(st.integers(0, 40), st.integers(1, 15)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(layers=st.lists(ranges, max_size=12))
def test_every_frame_belongs_to_the_first_layer_that_asked_for_it(layers):
    owners = {}
    cover = Cover()
    for number, (start, end) in enumerate(layers):
        free = [frame for frame in range(start, end) if frame not in owners]
        hidden_by = {owners[frame] for frame in range(start, end) if frame in owners}

        parts, above = cover.add(start, end, number)

        assert [frame for first, last in parts for frame in range(first, last)] == free
        assert all(left[1] < right[0] for left, right in pairwise(parts)), "parts are whole"
        assert set(above) == hidden_by
        owners |= dict.fromkeys(free, number)
