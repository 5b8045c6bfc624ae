"""The panels of a figure; the only place that imports matplotlib, and only to draw."""
