"""The integer network: one definition that Python, the C code and TFLite compute bit for bit."""
