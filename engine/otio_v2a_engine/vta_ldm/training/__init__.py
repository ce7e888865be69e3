"""Training VTA-LDM: the published recipe on folders and shards of movies, and a small ablation (floor 1)."""
