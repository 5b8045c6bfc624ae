"""Source and settings in, Report out."""
