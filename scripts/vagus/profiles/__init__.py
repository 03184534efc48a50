"""The profiles floor."""
