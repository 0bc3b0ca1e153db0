"""The two JSON files that people write: read, checked, complained about.

It may import base and processes.
"""
