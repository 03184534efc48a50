"""The reads floor."""
