"""What is left of a call: its folder, audio, transcript, score and report."""
