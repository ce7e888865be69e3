"""OpenTimelineIO plug-in and host integrations of otio-v2a (floor 3)."""
