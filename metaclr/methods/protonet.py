"""ProtoNet: labelled classes; some images of a class are its support, others are classified by it.

Differs from the authors (Snell et al.): 3 queries of a way (theirs 5 on Omniglot, 15 on mini-ImageNet), as many ways
as a batch has room for (theirs 60 on Omniglot).

Squared distances are sums over features. Of 256 or more (Conv-4 on 32 pixels or larger images) they are so large that a
short training goes into shrinking them; `protonet(temperature=64)`, as FEAT's code divides them (Ye et al. 2020), is
10 points better on CIFAR-FS after 1,000 steps.
"""

from metaclr.bridge import Objective, Prototypes, given, raw, split, squared_euclidean
from metaclr.methods.method import Method

METHOD = Method(
    family="few-shot",
    summary="prototypes of labelled classes: the mean of a class's support classifies its queries",
    reference="Snell et al. 2017, arXiv:1703.05175",
    formula=r"\|q-\mu^+\|^2 + \log\sum_n e^{-\|q-\mu_n\|^2}",
    objective=Objective(
        labels=given,
        roles=split,
        embedding=raw,
        head=Prototypes(squared_euclidean),
        temperature=1.0,  # none in the paper
    ),
    way_type="classes",
    labels="given",
    query=3,  # 1 shot and 3 queries as `protoclr`, so that the two differ in where ways come from
    projector="none",
    views="identity",  # other images of the class are the views
)
