"""Slurm: workers are submitted as jobs, and what is different inside a job."""
