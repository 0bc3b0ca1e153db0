"""Settings of version 2: strict, so that nothing that is written is ignored."""
