"""One training in a loop as load, or several: their dose, their memory.

It may import base, nvml, processes, config, measure and plan.
"""
