"""The trial floor."""
