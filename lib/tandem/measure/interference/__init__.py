"""What a parallel record and its controls say together, and over repeats."""
