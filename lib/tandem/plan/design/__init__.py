"""The experiments of settings of version 2: product, draws, groups, blocks and their order."""
