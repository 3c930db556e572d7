"""The front room: one module a command of `python -m ambient`; each parses, calls and shows."""
