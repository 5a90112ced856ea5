"""Past sessions and what became of each trainee, from an index that is made from the session folders."""
