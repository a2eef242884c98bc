"""Scores of clips, their intervals, parts, and calibrated probabilities. No PyTorch."""
