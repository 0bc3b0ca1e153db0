"""The controller that lets a background run for a part of the time.

It may import what background may.
"""
