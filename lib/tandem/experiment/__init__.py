"""One experiment: scripts, attempts, outcome, its record, and whether it counts.

It may import every folder but run.
"""
