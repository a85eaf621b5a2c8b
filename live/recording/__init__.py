"""Recordings and snapshots made while a session runs, and their sound."""
