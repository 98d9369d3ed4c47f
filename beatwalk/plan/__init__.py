"""Prompts, preset and analysis → a plan, and what the music asks of every frame."""
