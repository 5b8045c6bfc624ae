"""What several readers share; nothing here is a format."""
