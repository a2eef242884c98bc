"""What a network costs: MACs, parameters, bytes, latency."""
