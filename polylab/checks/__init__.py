"""Answer checkers: they tell a learner what is right and what is wrong with an answer.

Each ``check_…`` takes the learner's own object, tries it on data that it makes itself, compares
with an oracle found by another road, and returns a `Verdict`: ``passed`` and one to three plain
sentences. Nothing outside the answer is changed, whatever the answer does. To read on:

engine
    The room that runs and reads a learner's code; its first page tells how an answer travels
    through it.
losses, gradients, training, tensors, modules, functions, rates, repairs, project, schedules,
evaluations, checkpoints, curvatures
    One file per kind of answer. To add one copy a short one: `rates` for a number, `losses` for a
    function.
epochs
    What `repairs` knows about the programs of notebook 17.
slopes
    The wrong gradients that learners write.
"""

from polylab.checks.checkpoints import check_checkpoint
from polylab.checks.curvatures import (
    check_hessian_product,
    check_network_rate,
    check_power_iteration,
)
from polylab.checks.engine.grading import keep_while_graded
from polylab.checks.engine.state import Modules
from polylab.checks.engine.verdict import Verdict
from polylab.checks.evaluations import check_evaluation
from polylab.checks.functions import check_autograd_function
from polylab.checks.gradients import check_gradient
from polylab.checks.losses import check_loss
from polylab.checks.modules import check_module
from polylab.checks.project import check_project
from polylab.checks.rates import check_learning_rate
from polylab.checks.repairs import check_repair
from polylab.checks.schedules import check_schedule
from polylab.checks.tensors import check_tensor
from polylab.checks.training import check_training

__all__ = [
    "Verdict",
    "check_autograd_function",
    "check_checkpoint",
    "check_evaluation",
    "check_gradient",
    "check_hessian_product",
    "check_learning_rate",
    "check_loss",
    "check_module",
    "check_network_rate",
    "check_power_iteration",
    "check_project",
    "check_repair",
    "check_schedule",
    "check_tensor",
    "check_training",
]

keep_while_graded({name: globals()[name] for name in __all__}, lambda: Modules(others=()))
