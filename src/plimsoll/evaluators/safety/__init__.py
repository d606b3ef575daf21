"""What an answer must not give away: personal data, and secrets such as keys and passwords."""
