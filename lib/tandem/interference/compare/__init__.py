"""The comparison of runs, as figures without text: `tandem compare`.

Runs are read (runs) and reduced to pairs (pairs, cells), which are named (names) and put together
(groups, units); what the units say of each figure is a row (rows).
"""
