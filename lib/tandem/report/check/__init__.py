"""What `tandem check` shows of a plan.

text puts it together; each other module writes one part. lines is `check --lines`.
"""
