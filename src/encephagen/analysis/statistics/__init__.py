"""Does the wiring make the difference, or would any wiring do? Inference over null instances.

A null is a family of connectomes: n instances, each with one value of a measure (its mean, if it
was run with several seeds). The real wiring is one connectome, run with m seeds, and its value is
their median. The unit of inference is the instance. Seeds are no more connectomes: taken for such,
they would tell any one null from its siblings, for no two connectomes are the same.

- `null_p`: could the real wiring be one more instance? Exact for any distribution; where seeds add
  noise, conservative, as one value of an instance carries more of it than the median of the real
  wiring (nulls with several seeds each mend that). n nulls give no p under 1/(1 + n).
- `cliffs_delta`: where does it lie among the nulls? 1 is above all of them, 0 in their middle.
- `equivalence_p`: is it in their middle? Two one-sided tests of delta against a margin.
- `detectable_delta`: what could have been seen at all?

`compare` answers the four; `family` and `joint_family` correct many comparisons together.
"""

from encephagen.analysis.statistics.comparison import (
    N_BOOTSTRAP,
    Comparison,
    Verdict,
    compare,
)
from encephagen.analysis.statistics.detectable import ALPHA, POWER, Detectable, detectable_delta
from encephagen.analysis.statistics.effects import (
    LEVEL,
    MARGIN,
    TIE,
    Delta,
    cliffs_delta,
    equivalence_p,
    map_p,
    null_p,
    t_interval,
)
from encephagen.analysis.statistics.families import (
    benjamini_hochberg,
    family,
    holm,
    joint_family,
)

__all__ = [
    "ALPHA",
    "LEVEL",
    "MARGIN",
    "N_BOOTSTRAP",
    "POWER",
    "TIE",
    "Comparison",
    "Delta",
    "Detectable",
    "Verdict",
    "benjamini_hochberg",
    "cliffs_delta",
    "compare",
    "detectable_delta",
    "equivalence_p",
    "family",
    "holm",
    "joint_family",
    "map_p",
    "null_p",
    "t_interval",
]
