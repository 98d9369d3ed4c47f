"""The old name of `beatwalk.api`; it goes with the next release."""

from beatwalk.api import *  # noqa: F403
