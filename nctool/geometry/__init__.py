"""Everything that depends on K points alone, whether class means or classifier rows."""
