"""Exact worlds, and every numbered statement of both papers as a check (`python -m theory`)."""
