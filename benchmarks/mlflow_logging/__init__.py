"""Seconds to log a run to MLflow, what is there afterwards, and the same cells through mlflow.genai.evaluate."""
