"""From rows to the facts of a window.

It may import what measure may.
"""
