"""Axis 6, the SVM head: a multi-class support vector machine is fitted to the support (MetaOptNet).

Lee et al. 2019, arXiv:1904.03758, differentiate a QP solver. Here the dual (Crammer and Singer 2001) is solved by
a fixed number of accelerated projected gradient steps (FISTA, Beck and Teboulle 2009), through which autograd
passes: the gradient is exactly that of the logits that come out, however many steps there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from metaclr.bridge.heads.class_logits import class_logits, require_distinct_labels
from metaclr.bridge.logits.logits import Logits
from metaclr.bridge.roles import RoleAssignment
from metaclr.errors import UserError
from metaclr.heads import svm


@dataclass(frozen=True)
class SVM:
    r"""Class weights $w_c = \sum_i \alpha_i^c s_i$ that maximize $\sum_i \alpha_i^{y_i} - \frac12 \sum_c \|w_c\|^2$.

    Subject to $\alpha_i^{y_i} \le C$, $\alpha_i^c \le 0$ elsewhere and $\sum_c \alpha_i^c = 0$.
    """

    fits_classifier: ClassVar[bool] = True
    penalty: float = 0.1  # C of kjunelee/MetaOptNet
    """C: the most that a support row may weigh; a smaller one regularizes more."""
    steps: int = 30  # duality gap below 1 % of the objective for 5-way 5-shot unit vectors (tests)
    """Iterations of the solver of the dual problem."""

    def __post_init__(self) -> None:
        if not self.penalty > 0:
            raise UserError(f"head.penalty = {self.penalty} must be above 0")
        if self.steps < 1:
            raise UserError(f"head.steps = {self.steps} must be at least 1")

    def __call__(self, assignment: RoleAssignment, labels: Tensor | None, scale: Tensor | float) -> Logits:
        require_distinct_labels(labels, "an SVM head")
        scores = self.episode_head().fit(assignment.support).logits(assignment.query.flatten(1, 2))
        return class_logits(scores * scale, assignment.query.shape[2])

    def episode_head(self, temperature: float = 1.0) -> svm.SVM:
        """The classifier of an episode, in training and at test time; the scale changes no prediction."""
        return svm.SVM(self.penalty, self.steps)
