"""NVML wrapped: which GPUs there are and what they say; the only place of pynvml.

It may import base.
"""
