"""The amplicon floor."""
