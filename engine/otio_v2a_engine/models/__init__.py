"""Network definitions, read top to bottom (floor 1)."""
