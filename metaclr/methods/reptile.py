"""Reptile: train on a task as usual, then move the start a little towards where that ended.

Differs from the authors (openai/supervised-reptile, 5-shot 5-way Omniglot): 8 ways of 8 images (theirs 5 ways of 10
images), the outer step is the comparison's
optimizer on their difference (theirs moves by 0.7, falling linearly to 0), inner rate 0.001 (theirs 0.0015), at test
time 50 steps (theirs 100) of 10 images (theirs 6), and batch norm at test time uses the support alone (theirs the
query too).
"""

from metaclr.meta.reptile import reptile
from metaclr.methods.method import Method

METHOD = Method(
    family="few-shot",
    summary="the start moves towards the weights that ordinary training on each task ends with",
    reference="Nichol, Achiam and Schulman 2018, arXiv:1803.02999",
    formula=r"\theta \leftarrow \theta + \epsilon (\phi - \theta), \quad \phi = \text{Adam}^k(\theta; CE(f_\theta(S)))",
    way_type="classes",
    labels="given",
    way=8,  # as `maml`
    shot=4,
    query=4,  # all 8 views of a way are trained on
    projector="none",
    views="identity",
    defaults={"inner_lr": 1e-3, "inner_steps": 5, "inner_batch": 10, "test_steps": 50, "test_batch": 10},
    learner=reptile,
)
