"""SupCon plus class-conditional InfoNCE: L_spread's idea with SupCon's own denominator, over all pairs of views.

The authors' form is `l_spread`.
"""

from metaclr.bridge import Objective, Pairs, WeightedSum, dot, given, instance, leave_one_out, unit_norm, within_class
from metaclr.methods.method import Method

TEMPERATURE = 0.1  # as `supcon`

METHOD = Method(
    family="supervised",
    summary="SupCon plus InfoNCE within each class, so that classes do not collapse to points",
    reference="the project's own form of Chen, Fu et al. 2022, arXiv:2204.07596",
    formula=(
        r"\alpha L_{SupCon} + (1-\alpha) "
        r"\left[-\log\frac{e^{q^\top s^+/\tau}}{\sum_{p \in P} e^{q^\top p/\tau}}\right]"
    ),
    objective=WeightedSum(
        (
            # alpha = 0.5 is the project's own choice
            (0.5, Objective(labels=given, roles=leave_one_out, head=Pairs(dot), temperature=TEMPERATURE)),
            (
                0.5,
                Objective(
                    labels=instance,
                    roles=leave_one_out,
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
