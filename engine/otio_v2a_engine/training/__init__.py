"""Training of the models that ship (floor 1)."""
