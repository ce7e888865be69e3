"""Which frames of which layer are seen when layers overlap. Knows record frames and layer numbers only."""

from bisect import bisect_right

__all__ = ["Cover"]


class Cover:
    """The record frames that are taken already, filled from the top layer down."""

    def __init__(self) -> None:
        # What is taken is disjoint and ascends. In lists, because inserting moves what follows; in three, because whole
        # numbers are found faster than tuples of them.
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._layers: list[int] = []

    def add_free(self, start: int, end: int, layer: int) -> bool:
        """Take all of `[start, end)` when it lies after all that is taken; nothing otherwise."""
        if self._ends and self._ends[-1] > start:
            return False
        self._starts.append(start)
        self._ends.append(end)
        self._layers.append(layer)
        return True

    def add(self, start: int, end: int, layer: int) -> tuple[list[tuple[int, int]], list[int]]:
        """Take what is free of `[start, end)` for `layer`.

        Returns:
            The parts taken, ascending, and the layers that cover the rest.
        """
        starts, ends = self._starts, self._ends
        low = high = bisect_right(ends, start)
        n_taken = len(starts)
        parts: list[tuple[int, int]] = []
        at = start
        while high < n_taken and (next_start := starts[high]) < end:
            if at < next_start:
                parts.append((at, next_start))
            at = ends[high]
            high += 1
        if at < end:
            parts.append((at, end))
        above = self._layers[low:high]
        if parts:
            taken = slice(low, high)
            new = [(first, last, layer) for first, last in parts]
            old = zip(starts[taken], ends[taken], above, strict=True)
            starts[taken], ends[taken], self._layers[taken] = zip(*sorted([*old, *new]), strict=True)
        return parts, above
