"""What things are: plain Python and pydantic, no input or output; safe inside a workflow."""
