"""The inaudible mark that every generated sound carries, and its detector. Knows nothing of cuts, stems or engines."""
