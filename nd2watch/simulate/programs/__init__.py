"""What single acquisition programs write beside and into their frames."""
