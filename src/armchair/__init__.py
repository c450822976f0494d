"""Armchair: interactive applications on compute nodes, in the browser."""

__version__ = "0.1.0"
