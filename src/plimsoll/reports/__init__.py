"""What people and programs see of a run: one view model, built by `view`, and a module for each renderer of it."""
