"""The demo floor."""
