"""What repeats say together: estimates with exact intervals and p-values.

Sums of ranks are counted exactly (counting, ranks, many); estimate and resolution use them. It
imports nothing else of Tandem.
"""
