"""Several processes that measure one thing."""
