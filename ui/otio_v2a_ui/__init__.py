"""Desktop panel of otio-v2a (floor 3; the only package that knows Qt)."""
