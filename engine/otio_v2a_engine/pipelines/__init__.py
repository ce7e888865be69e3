"""One module per engine: request in, rendered window out (floor 1)."""
