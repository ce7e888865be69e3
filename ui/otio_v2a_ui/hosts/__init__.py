"""Where the panel docks: one module per host, each importing the host and the panel only when it is asked to."""
