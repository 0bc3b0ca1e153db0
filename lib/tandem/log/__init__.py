"""What a training's log says, by the rules of the registry: metrics, epochs, device, failures.

Imports base only.
"""
