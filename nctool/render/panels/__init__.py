"""What is drawn on a figure; matplotlib is at home here, and nobody comes in but to draw."""
