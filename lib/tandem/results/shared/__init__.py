"""A run that several workers drain: its folder, whose try stands, and the disk that they share."""
