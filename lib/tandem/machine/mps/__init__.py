"""NVIDIA's MPS: a private control daemon, from its folder to its end."""
