"""Neuroactive modules: what a community can make and break down."""
