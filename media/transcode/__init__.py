"""H.265 made into H.264 for who cannot decode it: one process per stream, beside the live path."""
