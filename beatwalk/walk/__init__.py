"""A plan and a model → frames, evenly and in time, segment by segment."""
