"""Facts, and the passes over samples that settle them."""
