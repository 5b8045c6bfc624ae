"""Processes that measure one thing together: how they meet, add up, notice a loss, and end."""
