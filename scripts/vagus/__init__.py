"""Vagus: from the raw reads of a microbiome trial to effect estimates per arm."""

__version__ = "0.1.0"
