"""The module file: genes to neuroactive molecules, its rules and its page."""
