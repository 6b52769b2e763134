"""Whose turn it is: a port and its implementations."""
