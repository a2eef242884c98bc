"""Datasets from the net: fetched, checked, unpacked."""
