"""Settings files and environment, the conventions of papers, and how much to spend."""
