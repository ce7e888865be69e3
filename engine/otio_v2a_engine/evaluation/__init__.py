"""How well made sound fits a picture, in numbers: published metrics, measures without weights, reports (floor 1)."""
