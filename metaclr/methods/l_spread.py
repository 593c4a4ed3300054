"""L_spread: images of a class attract each other, and class-conditional InfoNCE keeps them apart.

The form of HazyResearch/thanos-code: anchors of one view against rows of the other, each positive alone with the
negatives. Differs from the authors: rows are of unit norm; their clamp of the positives' logits at 1, active by default
through an inverted condition, is left out, and so is the autoencoder (see `l_spread_autoencoder`).
"""

from metaclr.bridge import (
    EachPositive,
    Objective,
    Pairs,
    WeightedSum,
    dot,
    given,
    instance,
    split,
    unit_norm,
    within_class,
)  # fmt: skip
from metaclr.methods.method import Method

TEMPERATURE = 0.5  # the authors' default

METHOD = Method(
    family="supervised",
    summary="attraction within a class plus InfoNCE within it, so that classes do not collapse to points",
    reference="Chen, Fu et al. 2022, arXiv:2204.07596; HazyResearch/thanos-code",
    formula=(
        r"\frac12 \frac1{|P|}\sum_p \left[\log(e^{q^\top p/\tau} + \sum_{n^-} e^{q^\top n/\tau}) - q^\top p/\tau\right]"
        r" + \frac12 \left[-\log\frac{e^{q^\top s^+/\tau}}{\sum_{p \in P} e^{q^\top p/\tau}}\right]"
    ),
    objective=WeightedSum(
        (
            # a_lc = a_spread = 1, divided by their sum
            (
                0.5,
                Objective(
                    labels=given,
                    roles=split,
                    embedding=unit_norm,
                    head=Pairs(dot),
                    temperature=TEMPERATURE,
                    denominator=EachPositive(),
                ),
            ),
            (
                0.5,
                Objective(
                    labels=instance,
                    roles=split,
                    embedding=unit_norm,
                    head=Pairs(dot),
                    temperature=TEMPERATURE,
                    negatives=within_class,
                ),
            ),
        )
    ),
    labels="given",
)
