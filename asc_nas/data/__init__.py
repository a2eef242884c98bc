"""Manifest, feature store and batches."""
