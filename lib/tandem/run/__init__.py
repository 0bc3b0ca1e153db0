"""Many experiments: made ready, run one after the other, resumed.

It may import every folder.
"""
