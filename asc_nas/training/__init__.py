"""Samplers, trainers, batch-norm calibration and metrics."""
