"""Beyond one machine: workers that drain a plan together, and Slurm, which starts them.

It may import every folder but commands.
"""
