"""Plots of what a run found."""
