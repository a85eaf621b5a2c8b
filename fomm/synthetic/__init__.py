"""Synthetic people, rendered: the bundled driving clip and portraits (extra `synthetic`)."""
