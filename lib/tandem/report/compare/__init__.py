"""What `driver.py compare` shows of a comparison: text or Markdown, CSV, JSON."""
