"""The experiments of designs: block by block, group by group.

Block b has every configuration that has at least b repeats once. A configuration in one block is a
group: all levels beside which it runs, one after the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tandem.config.entries import DesignEntry
from tandem.config.options import MPS
from tandem.plan.context import Context
from tandem.plan.design.configurations import Configuration, configurations
from tandem.plan.design.levels import Level
from tandem.plan.design.order import Deal, block_order
from tandem.plan.draw import stream
from tandem.plan.model import SOLO, Experiment, Place, Training
from tandem.plan.names import Digits, digits_of
from tandem.plan.resolve import training_of
from tandem.plan.sharing import under_mps

PARALLEL = "parallel"


def experiments_of_designs(designs: Sequence[DesignEntry], context: Context) -> list[Experiment]:
    """Every experiment of every entry that can run, in the order in which they run."""
    found = configurations(designs, context)
    # What stands at the top level is looked up for each entry.
    context.problems = list(dict.fromkeys(context.problems))
    if not found:
        return []
    digits = digits_of(
        configs=len(found),
        backgrounds=max(level.number or 0 for each in found for level in each.levels),
        repeats=max(each.design.repeats for each in found),
    )
    maker = _Maker(digits, context)
    experiments: list[Experiment] = []
    for block, configuration, levels in _in_order(found, context.seed):
        experiments += maker.group(configuration, block, levels, len(experiments) + 1)
    return experiments


def _in_order(
    found: Sequence[Configuration], seed: int
) -> Iterator[tuple[int, Configuration, Sequence[Level]]]:
    """The groups as they run: block, configuration, and its levels in their order."""
    deals = _deals([each for each in found if _is_drawn(each)], seed)
    for block in range(1, max(each.design.repeats for each in found) + 1):
        groups = [each for each in found if each.design.repeats >= block]
        for each in block_order(groups, _is_drawn, stream(seed, "order", block)):
            levels = each.levels
            if each.number in deals:
                deal, index = deals[each.number]
                levels = tuple(levels[place] for place in deal.order(index, block - 1))
            yield block, each, levels


def _is_drawn(configuration: Configuration) -> bool:
    return configuration.design.order == "blocks"


def _deals(found: Sequence[Configuration], seed: int) -> dict[int, tuple[Deal, int]]:
    """By number of a configuration: what deals the order of its levels, and its index there.

    Those of one entry that run beside the same levels are dealt to together.
    """
    alike: defaultdict[tuple[str, tuple[int, ...]], list[int]] = defaultdict(list)
    for each in found:
        places = tuple(level.place for level in each.levels)
        alike[each.design.path, places].append(each.number)
    deals: dict[int, tuple[Deal, int]] = {}
    for number, ((_, places), members) in enumerate(alike.items()):
        deal = Deal(len(places), len(members), stream(seed, "places", number))
        deals.update((config, (deal, index)) for index, config in enumerate(members))
    return deals


class _Maker:
    """Makes the experiments of groups; what many have in common is made once."""

    def __init__(self, digits: Digits, context: Context) -> None:
        self._digits = digits
        self._context = context
        self._trainings: dict[int, Training] = {}
        self._warnings: dict[tuple[str, int, int], tuple[str, ...]] = {}

    def group(
        self, configuration: Configuration, block: int, levels: Sequence[Level], number: int
    ) -> list[Experiment]:
        """The experiments of a configuration in a block, numbered on from `number`.

        The foreground alone is the control of all that are parallel.
        """
        design, digits = configuration.design, self._digits
        training = self._training(configuration, block)
        group = digits.group(configuration.number, block)
        has_parallel = any(level.backgrounds for level in levels)
        places, kinds, ids = [], [], []
        for position, level in enumerate(levels, 1):
            own = configuration.foreground.number, level.number
            places.append(Place(configuration.number, *own, block, block, position, group))
            kinds.append(PARALLEL if level.backgrounds else SOLO if has_parallel else "")
            ids.append(digits.experiment_id(training, places[-1], kinds[-1]))
        solo = ids[kinds.index(SOLO)] if SOLO in kinds else None
        return [
            Experiment(
                number=number + index,
                id=ids[index],
                foreground=training,
                backgrounds=level.backgrounds,
                foreground_mode="mutation" if training.mutated else "default",
                source_path=design.path,
                source_entry=design.source,
                limits=self._context.limits(design.limits),
                warnings=self._warnings_of(configuration, training, level),
                controls=design.controls,
                validity=design.validity,
                gpu_setup=configuration.gpu_setup,
                control=SOLO if kinds[index] == SOLO else None,
                twin=solo if kinds[index] == PARALLEL else None,
                place=places[index],
                course=design.course,
            )
            for index, level in enumerate(levels)
        ]

    def _training(self, configuration: Configuration, block: int) -> Training:
        """The foreground in a block; the same in all where its values are."""
        foreground, number = configuration.foreground, configuration.number
        if foreground.varied or number not in self._trainings:
            values = {**configuration.values, **configuration.varied[block - 1]}
            ordered = {name: values[name] for name in foreground.order if name in values}
            gpus = foreground.design.gpus
            training = training_of(foreground.resolved, ordered, gpus)
            if configuration.gpu_setup.sharing == MPS:
                training = under_mps(training, foreground.design.mps)
            self._trainings[number] = training
        return self._trainings[number]

    def _warnings_of(
        self, configuration: Configuration, training: Training, level: Level
    ) -> tuple[str, ...]:
        path = configuration.design.path
        key = path, configuration.foreground.number, level.place
        if key not in self._warnings:
            self._warnings[key] = self._context.warnings(path, training, level.backgrounds)
        return self._warnings[key]
