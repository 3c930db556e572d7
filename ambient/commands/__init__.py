"""The front room: one module a command, its options as a dataclass, and `work(options)` that imports what it needs.

Importing a module of this room imports nothing heavy, so that `--help` and a mistyped option are answered at once.
"""
