"""The files of a run, read and written whole: stores, without figures of their own.

It may import base, processes, measure and plan.
"""
