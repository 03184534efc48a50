"""Functions that are inferred from 16S genes."""
