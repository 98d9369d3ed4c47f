"""``python -m beatwalk.training.ears.levels``: gather examples, train and export the level network; it resumes.

``--work`` is the folder that `beatwalk.training.ears` rendered its clips in.
"""

from __future__ import annotations

from beatwalk.training.ears.levels.train import RECIPE
from beatwalk.training.ears.rows import run_stages


def main(argv: list[str] | None = None) -> None:
    """Run the chosen stages in order."""
    run_stages(RECIPE, __doc__, argv)


if __name__ == "__main__":
    main()
