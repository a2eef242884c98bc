"""The steps of an experiment after feature extraction, each from files to files."""
