"""What an audit record is: its table of fields, its ids, its canonical form and hashes."""
