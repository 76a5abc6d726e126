"""What a message is: its header, parts and documents, and how files on disk hold messages. No Flask, no database."""
