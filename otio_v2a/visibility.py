"""Which frames of which layer are seen when layers overlap. Knows record frames and layer numbers only."""

from bisect import bisect_left

__all__ = ["Cover"]


class Cover:
    """The record frames that are taken already, filled from the top layer down."""

    def __init__(self) -> None:
        # Disjoint (start, end, layer), ascending: one list, because inserting moves what follows.
        self._taken: list[tuple[int, int, int]] = []

    def add_free(self, start: int, end: int, layer: int) -> bool:
        """Take all of `[start, end)` when it lies after all that is taken; nothing otherwise."""
        taken = self._taken
        if taken and taken[-1][1] > start:
            return False
        taken.append((start, end, layer))
        return True

    def add(self, start: int, end: int, layer: int) -> tuple[list[tuple[int, int]], list[int]]:
        """Take what is free of `[start, end)` for `layer`.

        Returns:
            The parts taken, ascending, and the layers that cover the rest.
        """
        if self.add_free(start, end, layer):
            return [(start, end)], []
        taken = self._taken
        index = bisect_left(taken, (start, start, 0))
        if index and taken[index - 1][1] > start:
            index -= 1
        parts: list[tuple[int, int]] = []
        above: list[int] = []
        low = index
        at = start
        while index < len(taken) and taken[index][0] < end:
            next_start, next_end, owner = taken[index]
            if at < next_start:
                parts.append((at, next_start))
            at = next_end
            above.append(owner)
            index += 1
        if at < end:
            parts.append((at, end))
        if parts:
            taken[low:index] = sorted([*taken[low:index], *((first, last, layer) for first, last in parts)])
        return parts, above
