"""Everything for eyes: the live line, tables, texts; it reads values and files, never processes.

It may import base, nvml (its constants), config, plan, results and interference.
"""
