"""What a pull request and a night need: which suites a change affects, a forge's comment, and the history of nights."""
