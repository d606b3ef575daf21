"""Takes the pictures of MLflow that the documentation shows: python -m benchmarks.mlflow_pages."""
