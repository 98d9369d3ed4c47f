"""Files, locks, the work folder of a render, its manifest, and running ffmpeg."""
