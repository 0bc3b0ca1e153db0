"""The monitor, bin/powermon: sensors of GPUs and CPUs, whose processes use them, rows in files."""
