"""What a report shows, read from the files of a run."""
