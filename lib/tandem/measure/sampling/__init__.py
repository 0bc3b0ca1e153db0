"""From sensors to rows.

It may import what measure may.
"""
