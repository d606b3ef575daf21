"""What is evaluated: prompts, flows, functions, HTTP endpoints, recorded outputs."""
