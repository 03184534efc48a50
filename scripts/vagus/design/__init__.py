"""The design floor."""
