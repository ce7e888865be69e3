"""Owns sequences that make their items when somebody looks at them. Knows nothing of what the items are."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, Generic, TypeVar, overload

from otio_v2a.bulk import without_collections

__all__ = ["Grouped", "Later"]

_MOST_AHEAD = 4096
"""Most groups that are made before somebody looks at them."""

T = TypeVar("T")


class _LikeTuple(Sequence[T], Generic[T]):
    """Equals a tuple of the same items, hashes like it, and travels between processes as one."""

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, tuple | _LikeTuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (tuple(self),)


class Grouped(_LikeTuple[T]):
    """A sequence of known length whose items are made a group at a time, on the first look, and then kept."""

    def __init__(self, sizes: Iterable[int], make: Callable[[int], tuple[T, ...]]) -> None:
        """`sizes` are the groups' numbers of items; `make` makes the items of the group with a number."""
        self._ends = list(accumulate(sizes))
        self._make = make
        self._made: dict[int, tuple[T, ...]] = {}

    def group(self, number: int) -> tuple[T, ...]:
        """The items of one group."""
        items = self._made.get(number)
        if items is None:
            # Of two threads that look at once, both get what the first one made.
            items = self._made.setdefault(number, self._make(number))
        return items

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        if isinstance(index, slice):
            return tuple(self[at] for at in range(*index.indices(len(self))))
        at = range(len(self))[index]
        number = bisect_right(self._ends, at)
        return self.group(number)[at - (self._ends[number - 1] if number else 0)]

    def __iter__(self) -> Iterator[T]:
        # Who asks for many gets all: twice as many at a time, so that the first item comes at once.
        start, stop = 0, 1
        while start < len(self._ends):
            with without_collections():
                groups = [self.group(number) for number in range(start, min(stop, len(self._ends)))]
            for group in groups:
                yield from group
            start, stop = stop, min(2 * stop, stop + _MOST_AHEAD)


class Later(_LikeTuple[T]):
    """A sequence whose items are all made together, on the first look, and then kept."""

    def __init__(self, make: Callable[[], tuple[T, ...]]) -> None:
        self._make = make

    @cached_property
    def _items(self) -> tuple[T, ...]:
        return self._make()

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return self._items[index]

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)
