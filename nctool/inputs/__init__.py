"""Where readers meet roles: paths in, a Source out."""
