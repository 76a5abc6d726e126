"""What a message is: its header fields, and how files on disk hold messages. No Flask, no database."""
