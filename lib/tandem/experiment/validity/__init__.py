"""Whether a record counts, and what a reader of it is warned of: a file for each kind of reason.

Each kind has `reasons(record)`, why the record does not count (each Reason says whether it may
pass), and `warnings(record)`, what only may have disturbed it.
"""
