"""What an answer says, word by word: matches, overlaps and similarities."""
