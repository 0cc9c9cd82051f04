"""Experiments: a grid of networks and what is measured on them, carried out in a folder, step by step.

    experiment = Experiment(data="mnist", model="mlp5", methods=["snip", "rigl"], sparsities=[.9, .99], seeds=[0, 1])
    runs = run(experiment, "runs/mnist")

`run` takes these steps in one process. Each leaves whole files in the folder that say what they were made from, so that
any process can take any of them:

    prepared = prepare(experiment)                       # everything is loaded and checked, nothing computed
    plan = plan_networks(prepared, Path("runs/mnist"))   # which networks, in which order, what is there already
    with prepared.threads():
        made = make_network(prepared, plan[0])           # model.sparse
        score_network(prepared, plan[0], made.subject)   # run.json
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from sparserobust.experiment.carry_out import keep_experiment as keep_experiment
    from sparserobust.experiment.carry_out import run as run
    from sparserobust.experiment.events import Event as Event
    from sparserobust.experiment.make import Made as Made
    from sparserobust.experiment.make import make_network as make_network
    from sparserobust.experiment.plan import Planned as Planned
    from sparserobust.experiment.plan import plan_networks as plan_networks
    from sparserobust.experiment.prepared import Prepared as Prepared
    from sparserobust.experiment.prepared import prepare as prepare
    from sparserobust.experiment.score import Scored as Scored
    from sparserobust.experiment.score import score_network as score_network
    from sparserobust.experiment.spec import Experiment as Experiment

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "spec": ["Experiment"],
        "prepared": ["Prepared", "prepare"],
        "plan": ["Planned", "plan_networks"],
        "make": ["Made", "make_network"],
        "score": ["Scored", "score_network"],
        "events": ["Event"],
        "carry_out": ["keep_experiment", "run"],
    },
)
