"""Measuring: GPUs, CPU energy and processes, from the sensors to the figures of a record."""
