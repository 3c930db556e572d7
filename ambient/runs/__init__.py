"""What a run leaves on disk: files that are whole or absent, and the identity of what a folder holds."""
