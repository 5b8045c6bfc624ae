"""Facts as functions: a graph of typed functions, and the passes over samples that feed them."""
