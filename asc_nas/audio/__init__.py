"""Decoding, resampling and the log-mel front end."""
