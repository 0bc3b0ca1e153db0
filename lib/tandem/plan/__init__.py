"""The frozen plan of a run, every value decided.

It may import base and config.
"""
