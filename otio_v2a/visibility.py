"""Which frames of which layer are seen when layers overlap. Knows record frames only."""

from bisect import bisect_right

__all__ = ["Cover"]


class Cover:
    """The record frames that are taken already, filled from the top layer down."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._names: list[str] = []

    def free(self, start: int, end: int) -> tuple[list[tuple[int, int]], list[str]]:
        """The parts of `[start, end)` that nothing covers, ascending, and the names of what covers the rest."""
        starts, ends = self._starts, self._ends
        index = bisect_right(ends, start)
        if index == len(starts) or starts[index] >= end:
            return [(start, end)], []
        parts, names = [], []
        while index < len(starts) and starts[index] < end:
            if start < starts[index]:
                parts.append((start, starts[index]))
            start = ends[index]
            names.append(self._names[index])
            index += 1
        if start < end:
            parts.append((start, end))
        return parts, list(dict.fromkeys(names))

    def take(self, start: int, end: int, name: str) -> None:
        """Cover `[start, end)`, which must be free, with the layer `name`."""
        index = bisect_right(self._starts, start)
        self._starts.insert(index, start)
        self._ends.insert(index, end)
        self._names.insert(index, name)
