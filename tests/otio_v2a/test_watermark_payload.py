import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otio_v2a.errors import WatermarkError
from otio_v2a.watermark import grid, payload
from otio_v2a.watermark.keys import ProjectKey

ids = st.integers(0, 2**48 - 1)


@settings(max_examples=20, deadline=None)
@given(ids)
def test_an_id_survives_its_code(generation_id: int):
    coded = payload.encode(generation_id)
    found, signs = payload.decode(coded.astype(np.float64))
    assert found == generation_id
    assert np.array_equal(signs, coded)


@settings(max_examples=10, deadline=None)
@given(ids, st.integers(0, 2**32))
def test_an_id_survives_noise_as_strong_as_the_bits(generation_id: int, seed: int):
    noise = np.random.default_rng(seed).normal(0, 1, payload.CODED_BITS)
    found, _ = payload.decode(payload.encode(generation_id) + 0.8 * noise)
    assert found == generation_id


def test_noise_alone_gives_no_id():
    rng = np.random.default_rng(3)
    found = [payload.decode(rng.normal(0, 1, payload.CODED_BITS))[0] for _ in range(20)]
    assert found == [None] * 20


@pytest.mark.parametrize("generation_id", [-1, 2**48])
def test_an_id_beyond_48_bits_is_refused(generation_id: int):
    with pytest.raises(WatermarkError, match="48 bits"):
        payload.encode(generation_id)


def test_soft_bits_of_the_wrong_length_are_refused():
    with pytest.raises(WatermarkError, match="192 soft bits"):
        payload.decode(np.zeros(100))


def test_new_ids_fit_and_differ():
    drawn = {payload.new_generation_id() for _ in range(50)}
    assert len(drawn) == 50
    assert all(0 <= one < 2**48 for one in drawn)


def test_a_takes_id_is_repeatable_and_depends_on_its_key_and_content():
    one, two = ProjectKey(bytes(32)), ProjectKey(bytes(range(32)))
    assert payload.generation_id_of(one, "ab12") == payload.generation_id_of(one, "ab12")
    ids = {payload.generation_id_of(key, text) for key in (one, two) for text in ("ab12", "ab13")}
    assert len(ids) == 4
    assert all(0 <= one < 2**48 for one in ids)


def test_what_is_embedded_never_changes_between_versions():
    """A mark laid today must be found by every later version: these hashes are part of the format."""
    key = ProjectKey(bytes(range(32)))
    pattern = grid.pattern_of(key)
    seen = hashlib.sha256()
    for part in (pattern.signs, pattern.bit_index.astype("<i2"), payload.encode(0x0123456789AB)):
        seen.update(part.tobytes())
    seen.update(np.round(grid.band_edges_hz() * 1000).astype("<i8").tobytes())
    seen.update(bytes([grid.start_slot(key, one) for one in range(20)]))
    assert seen.hexdigest() == "2b4af74062165a2668514e96ccab32c0cba5068f8a18aeb282faea3c42dca3e2"


def test_half_the_tiles_carry_bits_and_every_bit_as_many():
    pattern = grid.pattern_of(ProjectKey(bytes(range(32))))
    counts = np.bincount(pattern.bit_index[pattern.bit_index >= 0], minlength=payload.CODED_BITS)
    assert counts.sum() == pattern.signs.size // 2
    assert counts.max() - counts.min() <= 1
    assert abs(pattern.signs.mean()) < 0.03
    assert set(np.unique(pattern.signs)) == {-1, 1}


def test_two_keys_share_no_pattern():
    one, two = (grid.pattern_of(ProjectKey(bytes([i]) * 32)) for i in (1, 2))
    assert abs((one.signs.astype(float) * two.signs).mean()) < 0.03
    assert (one.bit_index == two.bit_index).mean() < 0.3


def test_generations_begin_at_different_slots():
    key = ProjectKey(bytes(range(32)))
    assert len({grid.start_slot(key, one) for one in range(500)}) == grid.PERIOD_SLOTS
