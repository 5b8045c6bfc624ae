"""What every room may use: errors, notices, text, progress, safe writing."""
