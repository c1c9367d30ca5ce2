"""What a person sees on stderr while a run is at work: progress, notices, and colours.

It must not decide anything about a run: where stderr is closed, everything goes on as it would.
"""
