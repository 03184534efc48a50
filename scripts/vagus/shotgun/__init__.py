"""Shotgun reads: who is there (taxonomy engines) and what they can do (function engines)."""
