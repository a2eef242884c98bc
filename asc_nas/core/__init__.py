"""What every room uses: errors, settings, files, locks, randomness, events, workers."""
