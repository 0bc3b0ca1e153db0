"""Starting, keeping, finding and ending process trees.

It may import base.
"""
