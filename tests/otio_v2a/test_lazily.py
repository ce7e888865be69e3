"""Sequences that make their items on the first look behave like the tuples that they stand for."""

import copy

import pytest

from otio_v2a.lazily import Grouped, Later

ITEMS = ("a0", "a1", "c0", "d0", "d1", "d2")
SIZES = {"a": 2, "b": 0, "c": 1, "d": 3}


@pytest.fixture
def made() -> list[int]:
    return []


@pytest.fixture
def sequence(made: list[int]) -> Grouped[str]:
    def make(number: int) -> tuple[str, ...]:
        made.append(number)
        name = "abcd"[number]
        return tuple(f"{name}{item}" for item in range(SIZES[name]))

    return Grouped(SIZES.values(), make)


def test_its_length_is_known_before_an_item_is_made(sequence, made):
    assert len(sequence) == 6
    assert sequence
    assert made == []


def test_an_item_makes_its_own_group_once(sequence, made):
    assert sequence[4] is sequence[-2]
    assert sequence[5] == "d2"
    assert made == [3]


@pytest.mark.parametrize("cut", [slice(None), slice(1, 4), slice(-2, None), slice(None, None, -1), slice(9, 12)])
def test_slices_are_those_of_a_tuple(sequence, cut):
    assert sequence[cut] == ITEMS[cut]


@pytest.mark.parametrize("index", range(-6, 6))
def test_items_are_those_of_a_tuple(sequence, index):
    assert sequence[index] == ITEMS[index]


@pytest.mark.parametrize("index", [6, -7])
def test_there_is_nothing_beyond_its_ends(sequence, index):
    with pytest.raises(IndexError):
        sequence[index]


def test_it_equals_and_hashes_like_its_tuple_and_travels_as_one(sequence):
    assert sequence == ITEMS
    assert sequence != ITEMS[:-1]
    assert sequence != list(ITEMS)
    assert hash(sequence) == hash(ITEMS)
    assert type(copy.copy(sequence)) is tuple
    assert (*sequence, "e") == (*ITEMS, "e")


def test_an_empty_one_is_empty():
    assert not Grouped([], lambda number: ())


def test_walking_through_it_makes_the_first_group_only_and_then_twice_as_many_at_a_time(sequence, made):
    items = iter(sequence)
    assert next(items) == "a0"
    assert made == [0]
    assert next(items) == "a1"
    assert made == [0]
    assert next(items) == "c0"
    assert made == [0, 1, 2, 3]
    assert list(items) == ["d0", "d1", "d2"]
    assert tuple(sequence) == ITEMS
    assert made == [0, 1, 2, 3]


def test_a_long_one_is_walked_through_whole():
    sizes = [number % 3 for number in range(20_000)]
    sequence = Grouped(sizes, lambda number: (number,) * sizes[number])
    assert list(sequence) == [number for number in range(20_000) for _ in range(sizes[number])]


def test_what_is_made_later_is_made_once_and_is_a_tuple_to_all_who_look():
    made = []

    def make() -> tuple[str, ...]:
        made.append(1)
        return ("a", "b", "c")

    later = Later(make)
    assert not made
    assert (len(later), later[1], later[1:], list(later)) == (3, "b", ("b", "c"), ["a", "b", "c"])
    assert later == ("a", "b", "c") == later
    assert later != ("a",)
    assert hash(later) == hash(("a", "b", "c"))
    assert repr(later) == "('a', 'b', 'c')"
    assert type(copy.copy(later)) is tuple
    assert len(made) == 1
