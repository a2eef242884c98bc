"""Made and mutated files through the command line: `make fuzz`."""
