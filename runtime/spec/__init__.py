"""What a call is made from: the types of every group, the persona and the settings."""
