"""Mailboxes, their folders and messages."""
