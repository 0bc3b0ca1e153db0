"""What a person can type after `tandem`: one file a command, its options and what it does.

Each has `add_options(parser)` and `run(arguments)`, which returns the exit code; the first line of
its docstring is its help. It imports little: heavy imports stand inside `run`.
"""
