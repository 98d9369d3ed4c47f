"""Many videos: set lists, loops, previews, contact sheets, figures, leftovers."""
