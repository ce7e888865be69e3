"""Which frames of which layer are seen when layers overlap. Knows record frames and layer numbers only."""

from bisect import bisect_left, bisect_right

__all__ = ["Cover"]


class Cover:
    """The record frames that are taken already, filled from the top layer down."""

    def __init__(self) -> None:
        # What is taken is disjoint and ascends. Lists, because inserting moves what follows; three, because whole
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
        low = bisect_right(self._ends, start)
        high = bisect_left(self._starts, end, low)
        taken = slice(low, high)
        above = self._layers[taken]
        parts: list[tuple[int, int]] = []
        at = start
        for next_start, next_end in zip(self._starts[taken], self._ends[taken], strict=True):
            if at < next_start:
                parts.append((at, next_start))
            at = next_end
        if at < end:
            parts.append((at, end))
        if parts:
            new = [(first, last, layer) for first, last in parts]
            old = zip(self._starts[taken], self._ends[taken], above, strict=True)
            starts, ends, layers = zip(*sorted([*old, *new]), strict=True)
            self._starts[taken], self._ends[taken], self._layers[taken] = starts, ends, layers
        return parts, above
