"""Pictures of what was heard, of a plan and of a report."""
