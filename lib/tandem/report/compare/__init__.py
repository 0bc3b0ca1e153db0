"""What `tandem compare` shows of a comparison: text or Markdown, CSV, JSON."""
