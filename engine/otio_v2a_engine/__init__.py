"""Engines of otio-v2a: picture and prompt in, sound out (knows neither timelines nor Qt)."""
