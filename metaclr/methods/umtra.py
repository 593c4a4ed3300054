"""UMTRA: MAML on tasks made of unlabelled images, each image a way and its views the examples.

Differs from the authors: 8 ways and 3 queries (theirs 5 ways and 1 query); queries are augmented as the comparison
is.
"""

from metaclr.meta.inner_loop import inner_loop
from metaclr.methods.method import Method

METHOD = Method(
    family="unsupervised-few-shot",
    summary="MAML without labels: the support is an image, the queries are its augmentations",
    reference="Khodadadeh, Bölöni and Shah 2019, arXiv:1811.11819; the inner loop is MAML's",
    formula=r"CE(f_{\theta - \alpha \nabla CE(f_\theta(S))}(q), n)",
    way=8,  # as `maml`; with many images to draw from, two of a task are hardly ever of one class
    query=3,  # V as in `protoclr`; the authors' 1
    projector="none",
    support_views="identity",  # the authors' support is not augmented
    defaults={"inner_lr": 0.4, "inner_steps": 1, "first_order": False},  # as `maml`
    learner=inner_loop,
)
