"""From sensors to rows, and from rows to the facts of a window.

It may import base, nvml and processes.
"""
