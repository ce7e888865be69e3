"""Hook scripts for OpenTimelineIO, one a file; OTIO loads them by path (floor 3)."""
