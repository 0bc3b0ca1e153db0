"""What the report says, a file a section, in the order of the page.

Each is a class: `note(run, experiment)` is called once for every experiment, and keeps no record;
`contents()` afterwards returns what stands below the section's title.
"""
