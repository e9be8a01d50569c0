"""What a user of the harness adds to it, as a package of their own: each thing is one file."""
