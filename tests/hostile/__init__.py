"""Files and names that were made to do harm."""
