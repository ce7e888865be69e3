"""What sees: one module per visual encoder of the paper's Table 2, all behind `base.VisualEncoder`."""
