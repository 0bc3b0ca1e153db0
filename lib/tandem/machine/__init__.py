"""What a run needs of its machine, and gives back.

It may import base, nvml and processes.
"""
