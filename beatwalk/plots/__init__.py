"""Pictures for people: what was heard in a song, a plan, a report of a check."""
