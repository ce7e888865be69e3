"""Scenes with picture, true events and true stems, for training and evaluation (floor 1)."""
