"""What form an answer has: JSON, SQL, XML, figures, calls of tools, lists of documents."""
