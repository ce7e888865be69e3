"""Integrations with single host applications (floor 3)."""
