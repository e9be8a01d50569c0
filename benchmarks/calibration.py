"""How often claims err on controls whose effect is known, and from what effect on they find it.

`--claim NAME --n 500 --runs 1000`; `--claim all` is the default. Per claim, on samples of n images:

* `false_alarms`: share of the runs that end in a verdict where the planted effect is exactly the smallest
  one that counts, which is the hardest null: either verdict is an error there. At most alpha + 0.01.
* `supported_at_none` and `refuted_at_none`: the same where there is no effect at all, from a fifth of the
  runs. Of a claim whose smallest effect is above 0, the second is not an error but the power to refute.
* `supported_at_E`: power at a planted effect E, from a fifth of the runs.

Judgements take 99 replicates instead of 10,000: of the verdicts here only that on noisy order bias rests on
any (its permutation test), and the interval of paired accuracies.
"""

import argparse

from _shared import print_line

from fixtures.calibration import DESIGNS, Design

MOST_FALSE_ALARMS = 0.06  # alpha + 0.01


def main() -> None:
    claims = dict.fromkeys(design.claim for design in DESIGNS.values())
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--claim", choices=[*claims, "all"], default="all")
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--runs", type=int, default=1000)
    options = parser.parse_args()
    for name, design in DESIGNS.items():
        if options.claim in (design.claim, "all"):
            figures = calibrate(design, options.n, options.runs)
            print_line(f"calibration of {name}", figures, {"false_alarms": MOST_FALSE_ALARMS})


def calibrate(design: Design, n: int, runs: int) -> dict[str, float]:
    edge = design.outcomes(design.threshold, n=n, runs=runs)
    few = max(1, runs // 5)
    none = design.outcomes(0.0, n=n, runs=few, seed=1) if design.threshold else edge
    figures = {
        "n": n,
        "runs": runs,
        "false_alarms": edge["supported"] + edge["refuted"],
        "falsely_supported": edge["supported"],
        "falsely_refuted": edge["refuted"],
        "supported_at_none": none["supported"],
        "refuted_at_none": none["refuted"],
    }
    for effect in design.effects:
        power = design.outcomes(effect, n=n, runs=few, seed=2)
        figures[f"supported_at_{effect}"] = power["supported"]
    return figures


if __name__ == "__main__":
    main()
