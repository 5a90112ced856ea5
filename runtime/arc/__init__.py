"""What a trainee's words do to the persona. Pure: no I/O, no clock, no randomness."""
