"""Faults made on purpose: commands that are killed, files that are damaged, disks that are full, hostile inputs.

`python -m benchmarks.faults` makes them by the thousand and says what became of each:

options, soak, report   the command: cells, each with a result of its own, and the table
commands, processes     which commands are tried, and how they are started: forked from one that has imported all
contents                what a folder of results says, apart from times
kills, damage, disk     three kinds of faults
fuzzing, readers/       hostile inputs, for everything that reads
"""
