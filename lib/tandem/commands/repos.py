"""clone the repositories that are missing: each at the commit that the registry names"""

from __future__ import annotations

import argparse

from tandem.base.output import say
from tandem.commands.options import add_registry, add_root, registries


def add_options(parser: argparse.ArgumentParser) -> None:
    add_registry(parser)
    add_root(parser)


def run(arguments: argparse.Namespace) -> int:
    from tandem.config.clone import clone_missing
    from tandem.config.registry import load_registry

    registry = load_registry(*registries(arguments), root=arguments.root)
    return 0 if clone_missing(registry, say) else 1
