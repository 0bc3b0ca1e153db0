"""Measuring: the monitor's rows, windows made of them, what two trainings cost each other."""
