"""What artefacts show: tables, pictures, claims and verdicts, and the page of all of them."""
