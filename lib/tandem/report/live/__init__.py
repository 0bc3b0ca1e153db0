"""What a run does now, as text: the live line, and what `status` and `watch` print."""
