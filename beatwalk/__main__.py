"""`python -m beatwalk` is `beatwalk`."""

from beatwalk.cli import main

main()
