"""What a run leaves on disk, and how a command speaks. Nothing here is imported before it is used: all of it is light.

files, checksums, damage    files that are whole or absent, and what is said of those that are damaged
results                     results as JSON, with a checksum
identity, locks             what a folder holds, and who works in it
signals, console            how a command ends: done, stopped, or with one line that says what to mend
tables, figures             results for people
"""
