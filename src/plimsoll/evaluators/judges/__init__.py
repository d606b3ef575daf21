"""Models that score: how they are asked, how their answers are read, and the judges that are built in."""
