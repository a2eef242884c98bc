"""From recordings to a manifest and a feature store."""
