"""Words, files, the clock, git: what every folder needs.

It imports the standard library alone, and nothing of Tandem.
"""
