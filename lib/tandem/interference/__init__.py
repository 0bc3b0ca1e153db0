"""What two trainings cost each other, from records alone.

It may import base, config, measure and results.
"""
