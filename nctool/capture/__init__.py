"""Running a user's model over a user's loader: what its head sees, and the head."""
