"""Translations of the panel: sources (.ts) and what Qt reads (.qm), made by tools/translations."""
