"""Tables of text, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

Entries = Sequence[Sequence[str]]
"""A table as text, its head first."""


def rich_table(title: str, entries: Entries) -> Table:
    """The table for a terminal; columns of numbers to the right. In a narrow terminal entries wrap, and none is cut."""
    table = Table(title=title)
    for i, name in enumerate(entries[0]):
        numbers = all(row[i][:1] in "-–0123456789" for row in entries[1:])
        table.add_column(name, justify="right" if numbers else "left")
    for row in entries[1:]:
        table.add_row(*row)
    return table


def markdown(title: str, entries: Entries) -> str:
    """The table in Markdown."""
    rule = ["---"] * len(entries[0])
    lines = ["| " + " | ".join(row) + " |" for row in (entries[0], rule, *entries[1:])]
    return "\n".join([title, "", *lines]) + "\n"
